#!/bin/sh
# tests/bisector/agent-test.sh - a bisection whose tests are run by agents: real
# servers, TLS by an authority made here, agents that vanish, and strangers.
set -u
# shellcheck source=tests/pgfix.sh
. "$ASSAY_TOP_SRCDIR/tests/pgfix.sh"
pgfix_start
# shellcheck source=tests/bisector/histfix.sh
. "$ASSAY_TOP_SRCDIR/tests/bisector/histfix.sh"
port=
web=

# Certificates: an authority, the lab's by it, and one of nobody's.
{
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
        -days 2 -subj /CN=authority -keyout "$dir/ca.key" -out "$dir/ca.pem"
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
        -subj /CN=lab -keyout "$dir/lab.key" -out "$dir/lab.csr"
    echo subjectAltName=IP:127.0.0.1 >"$dir/san"
    openssl x509 -req -in "$dir/lab.csr" -CA "$dir/ca.pem" \
        -CAkey "$dir/ca.key" -CAcreateserial -days 2 -extfile "$dir/san" \
        -out "$dir/lab.pem"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
        -days 2 -subj /CN=other -keyout "$dir/other.key" \
        -out "$dir/other.pem"
} >"$dir/openssl.out" 2>&1 || {
    cat "$dir/openssl.out"
    exit 1
}

web_start() # LEASE [PORT]
{
    ASSAY_LOG=info assay-web --no-lab --pages none \
        --agents "127.0.0.1:${2:-0}" --certificate "$dir/lab.pem" --key "$dir/lab.key" \
        --agent-lease "$1" --agent-poll 200ms 2>>"$dir/web.log" &
    web=$!
    await 15 eval "grep -q 'serves agents' '$dir/web.log'"
    port=$(sed -n 's/.*serves agents at 127.0.0.1:\([0-9]*\).*/\1/p' \
        "$dir/web.log" | tail -n 1)
}
pgfix_at_end 'kill $web 2>/dev/null; wait $web 2>/dev/null'
web_start 1s

url=https://127.0.0.1:$port
token() # NAME [OPTIONS...]
{
    (umask 077 && assay bisect token add "$@" 2>/dev/null >"$dir/$1.token")
}
token hang --for vendor
token other
# In a process of its own: it becomes the agent.
agent() # NAME [OPTIONS...]
{
    name=$1
    shift
    exec assay bisect agent --name "$name" --cacert "${ca:-$dir/ca.pem}" \
        --token-file "$dir/hang.token" "$@"
}
# talk PLACE [curl's options]: with the token; the status is the last line.
talk()
{
    place=$1
    shift
    curl -s --path-as-is --cacert "$dir/ca.pem" \
        -H "Authorization: Bearer $(cat "$dir/${who:-hang}.token")" \
        -w '\n%{http_code}\n' "$@" "$url$place" >"$dir/out" 2>&1
    status=$(tail -n 1 "$dir/out")
}
field() # NAME: of what was answered
{
    head -n 1 "$dir/out" | jq -r ".$1"
}

# A whole search. Each run sends what its revision "built"; one agent is killed
# in the middle of its first test.
cat >"$dir/check" <<'END'
#!/bin/sh
if [ -n "${HANGS-}" ] && [ ! -e "$HANGS" ]; then
    touch "$HANGS"
    sleep 60
fi
echo "number $(cat "$ASSAY_ARTEFACTS/n") at $ASSAY_REVISION_line"
sh "$ASSAY_STEPS/compare" "$ASSAY_ARTEFACTS/n"
END
echo 'test "$(cat "$1")" -lt 37' >"$dir/compare"
chmod +x "$dir/check"
HANGS=$dir/hangs agent killed "$url" -- "$dir/check" >"$dir/killed.out" 2>&1 &
killed=$!
assay bisect run --flake-good 0 --flake-bad 1 --parallel 2 --tree "$tree" \
    --log "$dir/hang.log" -- assay bisect ask hang --artefact n \
    --step "compare=$dir/compare" --tries 99 >"$dir/run.out" 2>"$dir/run.err" &
search=$!
await 15 eval '[ -e "$dir/hangs" ]'
kill -KILL $killed
wait $killed 2>/dev/null
agent one --send-log --idle 3s "$url" -- "$dir/check" >"$dir/one.out" 2>&1 &
one=$!
# One after the other: the quicker one can have all the tests, while the lab
# waits for the one that was killed.
await 60 eval '[ "$(grep -c . "$dir/one.out")" -ge 2 ]'
kill -STOP $one
agent two --idle 3s --json "$url" -- "$dir/check" >"$dir/two.out" 2>&1 &
two=$!
await 60 grep -q result "$dir/two.out"
kill -CONT $one
# The lab's side dies, too.
kill -KILL $web
wait $web 2>/dev/null
web_start 1s "$port"
wait $search
is 'a search by agents: exit status' $? 0
cp "$dir/run.out" "$dir/out"
says 'it finds the commit' "culprit: $(commit "$line" 37)"
is 'an agent that vanished had a test' \
    "$(sql "select count(*) from assay.agent_lease where how = 'lost'
            and host = 'killed'")" 1
is 'which another one has answered' \
    "$(sql "select count(*) from assay.agent_test join assay.agent_lease
            using (agent_test) where host = 'killed' and result is null")" 0
is 'both agents had tests' \
    "$(sql "select count(distinct host) from assay.agent_lease
            where how in ('answered', 'late')")" 2
wait $one
is 'an agent with nothing to do ends' $? 0
wait $two
is 'and the other' $? 0
cat "$dir/hang.log.d"/* >"$dir/out"
says 'a log that was sent is kept' 'number '
says 'of another its digest' 'its log stays there'
cp "$dir/two.out" "$dir/out"
says 'an agent tells what it did' '"result":"'
is 'the token is nowhere in the database' \
    "$(assay db psql -- -qAtX -c 'table assay.agent_token' |
        grep -c "$(cut -c8- "$dir/hang.token")")" 0
# The one that was killed left its test and the files that it kept.
is 'nothing is left of the agents' \
    "$(find "$dir" -maxdepth 1 -name 'assay-agent-*' | wc -l)" 2
rm -rf "$dir"/assay-agent-*

# What an agent may get at. One test waits.
kill $web
wait $web
web_start 60s "$port"
echo secret >"$dir/secret"
secret=$(sha256sum "$dir/secret" | cut -c1-64)
assay bisect ask other --revision "line=$good" --artefact "$dir/secret" \
    >"$dir/ask-other.out" 2>&1 &
ask_other=$!
assay bisect ask hang --revision "line=$good" --tries 99 \
    --artefact "$dir/compare" \
    >"$dir/ask.out" 2>&1 &
ask=$!
await 15 eval '[ "$(sql "select count(*) from assay.agent_asked")" = 2 ]'
talk /agent/1/next -d '{"host": "me"}'
is 'a test is handed out' "$status" 200
lease=$(field lease)
file=$(field 'spec.files[0].sha256')
is 'of its own bisection' "$(field bisection)" hang
talk /agent/1/next -d '{"host": "me"}'
is 'and no second one' "$(field again_ms)" 200
talk "/agent/1/file/$lease/$file"
is 'its file is served' "$status" 200
talk "/agent/1/file/$lease/$secret"
is 'a file of another bisection is not' "$status" 404
paths="/ /flights /hosts /artefact/$secret /agent/1/file/$lease/../$secret
    /agent/1/file/$lease/%2e%2e /agent/1/ /agent/2/next /log/1/a/1
    /agent/1/log/$lease/-1 /agent/1/log/$lease/99999999999 /../etc/passwd"
for path in $paths; do
    echo "url = $url$path"
done >"$dir/urls"
talk / -K "$dir/urls"
is 'nothing is anywhere else' \
    "$(grep -x '[0-9][0-9]*' "$dir/out" | sort | uniq -c | xargs)" \
    "$(($(wc -l <"$dir/urls") + 1)) 404"
talk /agent/1/next
is 'another method' "$status" 405
talk /agent/1/next -d 'no JSON'
is 'no JSON' "$status" 400
talk /agent/1/next -d '{"host": "me", "more": 1}'
is 'an unknown member' "$status" 400
says 'is named' "no member 'more'"
head -c 1100000 /dev/zero >"$dir/big"
talk /agent/1/next --data-binary "@$dir/big"
is 'a body that is too long' "$status" 413
who=other
talk /agent/1/renew -d "{\"lease\": \"$lease\"}"
is 'the lease of another token is not renewed' "$status" 410
talk "/agent/1/file/$lease/$file"
is 'nor gives it a file' "$status" 404
answer() # RESULT SHA256 BYTES SENT
{
    printf '{"lease": "%s", "result": "%s", "exit": 0, "ms": 1,
        "reason": "", "log": {"sha256": "%s", "bytes": %s, "sent": %s}}' \
        "$lease" "$1" "$2" "$3" "$4"
}
nothing=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
talk /agent/1/answer -d "$(answer good $nothing 0 true)"
is 'nor is it answered with it' "$status" 404
who=hang

# Answers: wrong digests, late and double ones.
talk "/agent/1/log/$lease/0" --data-binary 'some'
is 'a piece of a log' "$status" 200
talk "/agent/1/log/$lease/9" --data-binary 'more'
is 'a piece too far on' "$status" 409
talk /agent/1/answer -d "$(answer bad "$secret" 4 true)"
is 'a log with another digest' "$status" 422
talk /agent/1/answer -d "$(answer maybe $nothing 0 false)"
is 'an unknown result' "$status" 400
sql "update assay.agent_lease set until_at = clock_timestamp()
    where agent_lease = '$lease'"
await 15 eval '[ "$(sql "select how from assay.agent_lease
    where agent_lease = '"'$lease'"'")" = lost ]'
old=$lease
talk /agent/1/next -d '{"host": "again"}'
lease=$(field lease)
is 'a test that was not renewed is handed out again' "$status" 200
new=$lease
lease=$old
talk "/agent/1/log/$lease/0" --data-binary 'some'
some=$(printf some | sha256sum | cut -c1-64)
talk /agent/1/answer -d "$(answer good "$some" 4 true)"
is 'a late answer counts' "$status" 200
talk /agent/1/answer -d "$(answer good "$some" 4 true)"
is 'and once more the same' "$status" 200
talk /agent/1/answer -d "$(answer bad "$some" 4 true)"
is 'but not another' "$status" 409
lease=$new
talk /agent/1/renew -d "{\"lease\": \"$lease\"}"
is 'who had it is told to stop' "$status" 410
talk /agent/1/answer -d "$(answer bad $nothing 0 false)"
is 'and comes too late' "$status" 409
wait $ask
is 'who asked hears good' $? 0
cp "$dir/ask.out" "$dir/out"
says 'from whom' 'me (token 1, 127.0.0.1): good'
says 'with the log' some
kill $ask_other
wait $ask_other
is 'who asked can be stopped' $? 130

# Nobody waits any more.
assay bisect ask hang --revision "line=$good" >"$dir/ask.out" 2>&1 &
ask=$!
await 15 eval 'talk /agent/1/next -d "{\"host\": \"me\"}";
    [ "$(field lease)" != null ]'
lease=$(field lease)
kill -KILL $ask
wait $ask 2>/dev/null
await 15 eval '[ -z "$(sql "select * from assay.agent_asked")" ]'
talk /agent/1/renew -d "{\"lease\": \"$lease\"}"
is 'a test whose asker died' "$status" 410
talk /agent/1/answer -d "$(answer bad $nothing 0 false)"
is 'takes no answer' "$status" 410

# What is wrong with an agent is no answer.
agent ill "$url" -- sh -c 'kill -SEGV $$' >"$dir/ill.out" 2>&1 &
ill=$!
timeout 60 assay bisect ask hang --revision "line=$good" >"$dir/out" 2>&1
is 'three times without an answer: cannot tell' $? 125
says 'it is said why' 'ill: the command killed by'
wait $ill
is 'an agent that is ill stops' $? 75
agent slow --limit 100ms --once "$url" -- sleep 60 >"$dir/slow.out" 2>&1 &
timeout 60 assay bisect ask hang --revision "line=$good" >"$dir/out" 2>&1
is 'a run over its limit: cannot tell' $? 125
says 'which is said' 'cannot-tell, over its limit'
wait $!
printf '#!/bin/sh\nexit 124\n' >"$dir/step"
agent steps --run-steps --once "$url" >"$dir/steps.out" 2>&1 &
timeout 60 assay bisect ask hang --revision "line=$good" \
    --step "$dir/step" >"$dir/out" 2>&1
is "the lab's step, when it is trusted" $? 1
wait $!

# Files that an agent has had, by their digests: the lab's own is taken away
# before it can be asked for.
echo 'what does not change' >"$dir/same"
same=$(sha256sum "$dir/same" | cut -c1-64)
stored=$ASSAY_HOME/artefacts/$(echo "$same" | cut -c1-2)/$(echo "$same" | cut -c3-)
ask_same() # [OPTIONS OF THE AGENT...]: its exit status, with the file or without
{
    assay bisect ask hang --revision "line=$good" --tries 1 \
        --artefact "$dir/same" >"$dir/ask.out" 2>&1 &
    ask=$!
    await 15 eval '[ -n "$(sql "select * from assay.agent_asked")" ]'
    [ -n "${there-}" ] || rm -f "$stored"
    (agent keeps --keep "$dir/keep" --idle 2s --once "$@" "$url" -- sh -c '
        cmp "$ASSAY_ARTEFACTS/same" "$1"' sh "$dir/same") >"$dir/keeps.out" 2>&1
    wait $ask
    status=$?
}
there=yes ask_same
is 'a file comes' "$status $(find "$dir/keep" -name "$same" | wc -l)" "0 1"
ask_same
is 'and is kept by its digest' $status 0
echo damaged >"$dir/keep/$same"
ask_same
is 'what has lost its digest is not taken' $status 125
there=yes ask_same --keep-most 0
is 'nor kept where there is no room' \
    "$status $(find "$dir/keep" -type f | wc -l)" "0 0"

# As a step of flights, with the parts of a candidate, and so of a bisection that
# the lab has stored.
sql "insert into assay.artefact (sha256, bytes, kind)
    values ('$(sha256sum "$dir/compare" | cut -c1-64)',
    $(wc -c <"$dir/compare"), 'xen') on conflict do nothing;
    insert into assay.candidate (name, source) values ('made', 'test');
    insert into assay.candidate_part (candidate, arch, part, sha256)
    select candidate, 'amd64', 'xen', '$(sha256sum "$dir/compare" | cut -c1-64)'
    from assay.candidate"
agent flown --send-log "$url" -- sh -c 'echo "parts: $(ls "$ASSAY_ARTEFACTS")"
    test "$(git -C '"$line"' show "$ASSAY_REVISION_line:n")" -lt 37' \
    >"$dir/flown.out" 2>&1 &
flown=$!
pgfix_at_end 'assay service stop >/dev/null 2>&1'
flight() # NUMBER_OF_COMMIT [MORE]
{
    cat >"$dir/flight.yaml" <<END
flight: vendors
intended: real
runvars: {revision_line: $(commit "$line" "$1"), tree_line: $line}
jobs:
  - {job: rack-7, recipe: vendor, arch: amd64, runvars: {agent: hang}${2-}}
END
    f=$(assay flight create "$dir/flight.yaml")
    sql "insert into assay.flight_tree
        values ($f, 'line', '$(commit "$line" "$1")')"
    timeout 120 assay flight run "$f" >"$dir/out" 2>&1
}
flight 35 ', candidate: made'
is 'a flight whose step an agent runs' $? 0
assay logs "$f" rack-7 vendor >"$dir/out" 2>&1
says 'has the parts of its candidate' 'parts: xen'
flight 35
basis=$f
flight 38
is 'or fails' $? 1
assay tree add line "$line"
timeout 200 assay bisect start "$f" rack-7 vendor --basis "$basis" \
    >"$dir/out" 2>&1
is 'a bisection by such flights' $? 0
says 'finds the commit' "culprit: $(commit "$line" 37)"
kill $flown
wait $flown
is 'an agent can be stopped' $? 130

# Tokens.
agent waits "$url" -- true >"$dir/out" 2>&1 &
waits=$!
assay bisect token revoke 1
wait $waits
is 'with a token that was revoked an agent ends' $? 2
says 'and says so' 'refuses the token'
assay bisect token revoke 1 >"$dir/out" 2>&1
is 'which cannot be done twice' $? 1
assay bisect token revoke 99 >"$dir/out" 2>&1
is 'nor to one that is not there' $? 2
assay bisect token list >"$dir/out"
says 'tokens are listed' revoked
token hang --life 1s
sleep 1.1
run agent --cacert "$dir/ca.pem" --token-file "$dir/hang.token" "$url" -- true
is 'a token that is too old' $status 2
token hang
chmod 644 "$dir/hang.token"
run agent --cacert "$dir/ca.pem" --token-file "$dir/hang.token" "$url" -- true
is 'a token that all may read' $status 2
chmod 600 "$dir/hang.token"
run ask 'a/b' --revision "line=$good"
is 'a bad name: nothing that reads as bad' $status 200

# Trust.
(ca=$dir/other.pem agent trusts "$url" -- true) >"$dir/out" 2>&1
is 'a certificate of another authority' $? 2
says 'is said' 'is not trusted'
run agent --token-file "$dir/hang.token" "$url" -- true
is "one that the system does not know" $status 2
(agent trusts "http://127.0.0.1:$port" -- true) >"$dir/out" 2>&1
is 'no TLS' $? 2
(agent trusts --pin "sha256//$(printf %044d 0 | tr 0 A)" "$url" -- true) \
    >"$dir/out" 2>&1
is 'another key than the one that was pinned' $? 2
key=$(openssl x509 -in "$dir/lab.pem" -pubkey -noout |
    openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64)
(agent trusts --pin "sha256//$key" --idle 100ms "$url" -- true) >"$dir/out" 2>&1
is 'and that one' $? 0
is 'without TLS nobody answers' \
    "$(curl -s -m 5 -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/")" \
    000
for name in lab.pem lab.key; do
    assay-web --no-lab --pages none --agents 127.0.0.1:0 \
        --certificate "$dir/$name" --key "$dir/other.key" >"$dir/out" 2>&1
    is "a certificate and a key that are no pair: $name" $? 2
done
assay-web --no-lab --pages none --agents 127.0.0.1:0 >"$dir/out" 2>&1
is 'agents without a certificate' $? 2

# How often.
curl -s --cacert "$dir/ca.pem" -w '%{http_code}\n' \
    -H "Authorization: Bearer assay1-0" "$url/agent/1/[1-20]" |
    grep -x '[0-9][0-9]*' >"$dir/codes"
is 'a wrong token' "$(head -n 1 "$dir/codes")" 401
is 'not many times' "$(tail -n 1 "$dir/codes")" 429

kill $web
wait $web
is 'the server ends as it should' $? 0
cp "$dir/web.log" "$dir/out"
is 'and had no trouble' "$(grep -ciE ' (error|warning) ' "$dir/web.log")" 0
finish
