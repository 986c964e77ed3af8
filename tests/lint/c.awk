# tests/lint/c.awk - the house rules that a look at one line of C can check.
#
# Input: C files, named from the top of the tree. Output: "file:line: text" for
# each breach. String and character literals are emptied and comments blanked
# before the code is looked at, so that neither can trip a rule.

function breach(text) {
    printf "%s:%d: %s\n", FILENAME, FNR, text
    count++
}

# What a directory may include, besides itself.
BEGIN {
    may["harness"] = ""
    may["hosts"] = may["hypervisor"] = may["results"] = " harness "
    may["recipes"] = " harness hosts hypervisor results "
    may["flights"] = may["recipes"] " recipes "
    may["bisector"] = may["testday"] = may["flights"] " flights "
    banned = "strcpy strcat strncpy sprintf vsprintf strtok atoi atol atof " \
             "system popen alloca gets setjmp longjmp uv_spawn"
    n_banned = split(banned, bans, " ")
    blank = sprintf("%80s", "")
}

FNR == 1 {
    in_comment = 0
    split(FILENAME, parts, "/")
    dir = parts[1]
    is_main = FILENAME ~ /-main\.c$/
    is_test = dir == "tests"
    if (index($0, "/* " FILENAME " - ") != 1)
        breach("the file does not open with \"/* " FILENAME " - what it is\"")
}

/\t/ { breach("a tab") }
/[ \t\r]$/ { breach("white space at the end of the line") }

{
    text = $0
    gsub(/[\200-\277]/, "", text)
    if (length(text) > 80 && text !~ /:\/\//)
        breach("over 80 columns")
}

# Leaves in 'code' what is neither comment nor literal.
{
    code = $0
    if (!in_comment) {
        gsub(/\\\\/, "", code)
        gsub(/\\["']/, "", code)
    }
    out = ""
    while (code != "") {
        if (in_comment) {
            end = index(code, "*/")
            if (!end) { code = ""; break }
            code = substr(code, end + 2)
            in_comment = 0
        } else if (match(code, /"[^"]*"|'[^']*'|\/\*|\/\//)) {
            what = substr(code, RSTART, 2)
            if (what == "//") {
                out = out substr(code, 1, RSTART - 1)
                breach("a // comment")
                code = ""
            } else if (what == "/*") {
                out = out substr(code, 1, RSTART - 1) " "
                code = substr(code, RSTART + 2)
                in_comment = 1
            } else {
                out = out substr(code, 1, RSTART) substr(code, RSTART, 1)
                code = substr(code, RSTART + RLENGTH)
            }
        } else {
            out = out code
            code = ""
        }
    }
    code = out
}

# The names of header files are literals, so the line itself is looked at.
/^#[ ]*include "/ {
    split($0, quoted, "\"")
    header = quoted[2]
    if (split(header, parts, "/") < 2) {
        if (header !~ /^config\.h$/)
            breach("\"" header "\" is not named from the top of the tree")
    } else if (!is_main && !is_test && parts[1] != dir &&
               index(may[dir], " " parts[1] " ") == 0) {
        breach(dir "/ may not include " parts[1] "/")
    }
}

{
    for (i = 1; i <= n_banned; i++) {
        if (index(code, bans[i]) &&
            match(code, "(^|[^A-Za-z0-9_])" bans[i] "[ ]*\\("))
            breach(bans[i] "() is banned")
    }
    if (match(code, /(^|[^A-Za-z0-9_])(sleep|usleep|nanosleep)[ ]*\(/) &&
        FILENAME != "harness/signals.c")
        breach("nothing sleeps but harness/signals.c")
    if (index(code, "must(!\""))
        breach("must(!\"...\") is must_never(\"...\")")
    if (match(code, /__attribute__[ ]*\(\(.*cleanup/))
        breach("no cleanup attribute")
}

# SQL at the start of a literal: in *_db.c, the database layer, and tests; and
# but for the names of assay's own subcommands.
/"[ ]*(SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE TABLE|ALTER TABLE|LISTEN|NOTIFY|select|insert into|update|delete from|create table|alter table|listen|notify) [a-z$*]/ {
    if (FILENAME !~ /_db\.c$/ && FILENAME !~ /^harness\/db[a-z_]*\.c$/ &&
        FILENAME != "harness/notify_cmds.c" && !is_test && $0 ~ /(from|into|set|table|FROM|INTO|SET|TABLE|listen|notify|LISTEN|NOTIFY) /)
        breach("SQL outside *_db.c")
}

END { exit count > 0 }
