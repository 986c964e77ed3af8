# Turns the schema files into the C table of harness/db_migrate.c. The number
# is the name's; a gap or a wrong name is an error of the build.
function fail(text) { print FILENAME ": " text >"/dev/stderr"; failed = 1; exit 1 }
BEGIN {
    print "/* Made from harness/schema by embed.awk. */"
    print "#include <config.h>\n"
    print "#include \"harness/db_migrate.h\"\n"
    print "static const struct schema_file files[] = {"
}
FNR == 1 {
    if (count > 0)
        print "    },"
    name = FILENAME
    sub(/.*\//, "", name)
    count++
    if (name !~ /^[0-9][0-9][0-9][0-9]-[a-z0-9-]+\.sql$/)
        fail("a schema file is named NNNN-what.sql")
    if (substr(name, 1, 4) + 0 != count)
        fail("it should be number " count)
    printf "    { %d, \"%s\",\n", count, name
}
{
    line = $0
    gsub(/\\/, "&&", line)
    gsub(/"/, "\\\"", line)
    gsub(/\?/, "\\?", line)
    gsub(/\t/, "\\t", line)
    print "      \"" line "\\n\""
}
END {
    if (failed)
        exit 1
    print "    },\n};\n"
    print "static const struct schema_list list = { files, " count " };\n"
    print "const struct schema_list *"
    print "db_schema_list(void)\n{\n    return &list;\n}"
}
