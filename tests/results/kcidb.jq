# tests/results/kcidb.jq - is this a valid submission to KCIDB? Written from the
# published schema 5.3 (kcidb-io); "jq -r -f kcidb.jq" prints each breach on a
# line, and nothing for a valid one. Beyond the schema: ids are unique, and what
# they refer to is in the submission.

def object_id: "^[a-z0-9_]+:[^\u0000]*$";
def origin: "^[a-z0-9_]+$";
def line: "^[^\u0000]*$";
def moment: "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$";
def url: "^[a-z][a-z0-9+.-]*:[^ \"<>\\\\^`{|}\u0000-\u001f\u007f-\uffff]+$";
def path: "^([a-zA-Z0-9_-]+([.][a-zA-Z0-9_-]+)*)?$";
def status: "^(FAIL|ERROR|MISS|PASS|DONE|SKIP)$";
def excerpt: "^[^\u0000]{0,16384}$";

# $rules: { key: pattern, or "boolean", "integer" (0 and more), "number",
# "object", "array" }
def check($at; $rules; $required):
    if type != "object" then "\($at): is no object"
    else
        . as $this
        | ($required[] | select($this[.] == null) | "\($at): has no \(.)"),
          (to_entries[]
           | .key as $key | .value as $value
           | if $rules[$key] == null then "\($at).\($key): is not known"
             elif $value == null then "\($at).\($key): is null"
             elif $rules[$key] == "integer"
             then select($value | type != "number" or . < 0 or floor != .)
                  | "\($at).\($key): is no whole number"
             elif $rules[$key] | IN("boolean", "number", "object", "array")
             then select(($value | type) != $rules[$key])
                  | "\($at).\($key): is no \($rules[$key])"
             elif ($value | type) != "string"
             then "\($at).\($key): is no text"
             else select($value | test($rules[$key]) | not)
                  | "\($at).\($key): '\($value)' is wrong"
             end)
    end;

def checkout($at):
    check($at; { id: object_id, origin: origin, tree_name: line,
                 git_repository_url: "^https://[^\u0000]*$",
                 git_commit_hash: "^[0-9a-f]{40}$", git_commit_name: line,
                 comment: line, start_time: moment, log_url: url,
                 log_excerpt: excerpt, valid: "boolean", misc: "object" };
          ["id", "origin"]);
def build($at):
    check($at; { id: object_id, checkout_id: object_id, origin: origin,
                 comment: line, start_time: moment, duration: "number",
                 architecture: "^[a-z0-9_]*$", log_url: url,
                 log_excerpt: excerpt, status: status, misc: "object" };
          ["id", "checkout_id", "origin"]);
def a_test($at):
    check($at; { id: object_id, build_id: object_id, origin: origin,
                 environment: "object", path: path, comment: line,
                 log_url: url, log_excerpt: excerpt, status: status,
                 number: "object", start_time: moment, duration: "number",
                 misc: "object" };
          ["id", "build_id", "origin"]),
    (.environment // empty
     | check("\($at).environment"; { comment: line, misc: "object" }; [])),
    (.number // empty
     | check("\($at).number"; { value: "number", unit: line,
                                prefix: "^(metric|binary)$" }; ["value"]));
def issue($at):
    check($at; { id: object_id, version: "integer", origin: origin,
                 categories: "array", report_url: url, report_subject: line,
                 culprit: "object", comment: line, misc: "object" };
          ["id", "version", "origin"]),
    (.culprit // empty
     | check("\($at).culprit"; { code: "boolean", tool: "boolean",
                                 harness: "boolean" }; [])),
    (.categories[]? | select(type != "string" or (test(path) | not))
     | "\($at).categories: '\(.)' is no path");
def incident($at):
    check($at; { id: object_id, origin: origin, issue_id: object_id,
                 issue_version: "integer", build_id: object_id,
                 test_id: object_id, present: "boolean", comment: line,
                 misc: "object" };
          ["id", "origin", "issue_id", "issue_version"]),
    (select(.build_id == null and .test_id == null)
     | "\($at): is of no build and no test");

def unique_ids($list):
    .[$list] // [] | group_by(.id)[] | select(length > 1)
    | "\($list): '\(.[0].id)' is there \(length) times";
def refers($list; $key; $to):
    ([.[$to][]?.id] | map({ (.): true }) | add // {}) as $known
    | .[$list][]? | select(.[$key] != null and ($known[.[$key]] | not))
    | "\($list): \($key) '\(.[$key])' is not in \($to)";

check("top"; { version: "object", checkouts: "array", builds: "array",
               tests: "array", issues: "array", incidents: "array" };
      ["version"]),
(select(.version.major != 5 or .version.minor > 3) | "version: is not 5.3"),
(.checkouts // [] | to_entries[] | .key as $i | .value
 | checkout("checkouts[\($i)]")),
(.builds // [] | to_entries[] | .key as $i | .value | build("builds[\($i)]")),
(.tests // [] | to_entries[] | .key as $i | .value | a_test("tests[\($i)]")),
(.issues // [] | to_entries[] | .key as $i | .value | issue("issues[\($i)]")),
(.incidents // [] | to_entries[] | .key as $i | .value
 | incident("incidents[\($i)]")),
unique_ids("checkouts", "builds", "tests", "issues", "incidents"),
refers("builds"; "checkout_id"; "checkouts"),
refers("tests"; "build_id"; "builds"),
refers("incidents"; "issue_id"; "issues"),
refers("incidents"; "test_id"; "tests"),
refers("incidents"; "build_id"; "builds"),
(([.issues[]? | { (.id): .version }] | add // {}) as $versions
 | .incidents[]? | select($versions[.issue_id] != .issue_version)
 | "incidents: \(.id) is of a version that its issue does not have")
