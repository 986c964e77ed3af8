/* tests/harness/cmd-test.c - the command line, as its user sees it.
 *
 * Started with "cmd" as its first word, this program is one that has a table
 * of subcommands; the test starts itself so. */
#include <config.h>

#include <limits.h>
#include <unistd.h>

#include "harness/buf.h"
#include "harness/cmd.h"
#include "harness/proc.h"
#include "tests/tap.h"

static bool
show(struct cmd_call *call, struct fault *why UNUSED)
{
    int i;

    printf("args");
    for (i = 0; i < cmd_argc(call); i++)
        printf(" [%s]", cmd_arg(call, i));
    must(cmd_arg(call, i) == NULL && cmd_argv(call)[i] == NULL);
    printf(" json=%d flag=%d text=%s n=%lld ms=%lld list", cmd_json(call),
           cmd_flag(call, "flag"),
           cmd_text(call, "text") != NULL ? cmd_text(call, "text") : "-",
           (long long)cmd_int(call, "n"), (long long)cmd_int(call, "limit"));
    for (i = 0; cmd_list(call, "item", i) != NULL; i++)
        printf(" %s", cmd_list(call, "item", i));
    putchar('\n');
    return true;
}

static bool
fails(struct cmd_call *call, struct fault *why)
{
    if (strcmp(cmd_arg(call, 0), "status") == 0) {
        cmd_exit_status(call, 7);
        return true;
    }
    fault_set(why, FAULT_NOT_FOUND, "there is no flight %s",
              cmd_arg(call, 0));
    fault_hint(why, "look elsewhere");
    return fault_detail(why, "one\ntwo\n", 8);
}

static const struct cmd_opt show_opts[] = {
    { "flag", CMD_OPT_FLAG, NULL, NULL, 0, 0, "a flag" },
    { "text", CMD_OPT_TEXT, "TEXT", NULL, 0, 0, "a text" },
    { "item", CMD_OPT_LIST, "ITEM", NULL, 0, 0, "an item; may be repeated" },
    { "n", CMD_OPT_INT, "N", "3", 1, 9, "a number" },
    { "any", CMD_OPT_INT, "N", NULL, 0, 0, "any number" },
    { "limit", CMD_OPT_DURATION, "TIME", "2s", 0, 0, "a limit" },
    { NULL, CMD_OPT_END, NULL, NULL, 0, 0, NULL },
};

static const struct cmd rows[] = {
    { "flight show", "A [B]", 1, 2, CMD_READS, show_opts, show, "shows",
      "A paragraph." },
    { "flight fail", "A", 1, 1, CMD_WRITES, NULL, fails, "fails", NULL },
    { "flight", "A...", 0, -1, CMD_READS, show_opts, show, "a bare one",
      NULL },
    { "secret", "", 0, 0, CMD_HIDDEN, NULL, fails, "hidden", NULL },
    { "host console log", "", 0, 0, CMD_READS, NULL, fails, "deep", NULL },
    { .path = NULL },
};

static const struct cmd single[] = {
    { "", "A", 1, 1, CMD_READS, show_opts, show, "one row", NULL },
    { .path = NULL },
};

static const struct cmd_group groups[] = {
    { "work", "flight", NULL },
    { NULL, "host", "machines" },
    { .name = NULL },
};

static struct buf out = BUF_INIT;
static struct fault why;
static struct proc_status status;

static void
run(const char *mode, const char *const words[])
{
    const char *argv[20] = { "/proc/self/exe", mode };
    struct proc_spec spec = PROC_SPEC_INIT;
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    int i;

    must(n > 0);
    self[n] = '\0';
    argv[0] = self;
    for (i = 0; words[i] != NULL; i++)
        argv[i + 2] = words[i];
    spec.argv = argv;
    buf_reset(&out);
    why = (struct fault)FAULT_INIT;
    if (proc_run_spec(&spec, NULL, 0, 20000, &out, &status, &why))
        why.detail[0] = '\0';
    if (status.end != PROC_END_EXIT)
        tap_bail("it did not exit: %s", why.text);
}

#define RUN(...) run("cmd", (const char *const[]){ __VA_ARGS__, NULL })
#define RUN_SINGLE(...) \
    run("single", (const char *const[]){ __VA_ARGS__, NULL })

static void
good(const char *want, const char *name)
{
    is_int(status.code, 0, "%s: exit 0", name);
    is_str(buf_text(&out), want, "%s", name);
}

static void
bad(int code, const char *want, const char *name)
{
    is_int(status.code, code, "%s: exit %d", name, code);
    has_str(why.detail, want, "%s", name);
    is_str(buf_text(&out), "", "%s: nothing on stdout", name);
}

static void
test_options(void)
{
    RUN("flight", "show", "x");
    good("args [x] json=0 flag=0 text=- n=3 ms=2000 list\n", "defaults");
    RUN("flight", "show", "--json", "--flag", "x", "--text", "--n", "--n=9",
        "y", "--item", "1", "--item=2", "--limit", "5m");
    good("args [x] [y] json=1 flag=1 text=--n n=9 ms=300000 list 1 2\n",
         "all options, anywhere");
    RUN("flight", "show", "--text=", "--", "--flag", "-");
    good("args [--flag] [-] json=0 flag=0 text= n=3 ms=2000 list\n",
         "after --");
    RUN("flight", "7", "8");
    good("args [7] [8] json=0 flag=0 text=- n=3 ms=2000 list\n",
         "a group that is a subcommand too");
    RUN("flight", "show");
    bad(2, "too few arguments: A [B] is wanted", "too few");
    has_str(why.detail, "hint: assay flight show --help", "with a hint");
    RUN("flight", "show", "1", "2", "3");
    bad(2, "'3' is one argument too many", "too many");
    RUN("flight", "show", "x", "--fla");
    bad(2, "there is no option --fla", "no abbreviations");
    RUN("flight", "show", "x", "-f");
    bad(2, "there is no option -f", "no short options");
    RUN("flight", "show", "x", "--flag=1");
    bad(2, "--flag takes no value", "a flag with a value");
    RUN("flight", "show", "x", "--text");
    bad(2, "--text wants TEXT", "a missing value");
    RUN("flight", "show", "x", "--n", "1", "--n", "2");
    bad(2, "--n is given twice", "twice");
    RUN("flight", "show", "x", "--n", "10");
    bad(2, "--n: '10' is not between 1 and 9", "out of range");
    RUN("flight", "show", "x", "--n", "1x");
    bad(2, "--n: '1x' is not a whole number", "no number");
    RUN("flight", "show", "x", "--any", "-1");
    bad(2, "--any: '-1' is below 0", "below 0");
    RUN("flight", "show", "x", "--limit", "soon");
    bad(2, "--limit: 'soon' is not a time", "no time");
}

static void
test_rows(void)
{
    RUN("flight", "fail", "9");
    bad(2, "assay: there is no flight 9\n    one\n    two\nhint: look "
        "elsewhere", "a fault is printed");
    RUN("flight", "fail", "status");
    is_int(status.code, 7, "a status of its own");
    RUN("host");
    bad(2, "usage: assay host SUBCOMMAND", "a group alone");
    RUN("host", "console");
    bad(2, "host console log  deep", "a group in a group");
    RUN("host", "cancel");
    bad(2, "there is no subcommand 'host cancel'", "no such subcommand");
    RUN("nope", "--json");
    bad(2, "there is no subcommand 'nope'", "no such group");
    ok(strstr(buf_text(&out), "is near") == NULL, "near to nothing");
    RUN("flihgt", "show");
    bad(2, "hint: 'flight' is near; 'assay --help' lists", "a word misspelt");
    RUN("flight", "faill");
    good("args [faill] json=0 flag=0 text=- n=3 ms=2000 list\n",
         "a word that may be an argument");
    RUN("host", "consle", "log");
    bad(2, "hint: 'host console' is near; 'assay host --help' lists",
        "a second word misspelt");
    RUN("secrets");
    ok(strstr(buf_text(&out), "is near") == NULL, "hidden ones are not told");
    RUN("--nope");
    bad(2, "there is no option --nope", "no such option");
    RUN(NULL);
    bad(2, "usage: assay SUBCOMMAND", "nothing at all");
    RUN_SINGLE("x", "--n", "4");
    good("args [x] json=0 flag=0 text=- n=4 ms=2000 list\n", "one row only");
    RUN_SINGLE(NULL);
    bad(2, "too few arguments", "one row, no argument");
    RUN_SINGLE("help");
    good("args [help] json=0 flag=0 text=- n=3 ms=2000 list\n",
         "no words are taken");
}

static void
test_texts(void)
{
    RUN("--version");
    is_int(status.code, 0, "--version");
    has_str(buf_text(&out), "assay " PACKAGE_VERSION " (", "has it");
    RUN("--help");
    has_str(buf_text(&out), "\nwork\n  flight  a bare one: fail, show\n"
            "  host    machines: console log\n", "groups are listed");
    ok(strstr(buf_text(&out), "secret") == NULL, "but not hidden ones");
    RUN("help", "flight", "show");
    has_str(buf_text(&out), "usage: assay flight show [OPTION...] A [B]\n\n"
            "shows\n\nA paragraph.\n", "help of a row");
    has_str(buf_text(&out), "--n N                     a number (default: 3)",
            "its options");
    RUN("flight", "show", "--help", "--n", "4");
    has_str(buf_text(&out), "usage: assay flight show", "--help");
    RUN("help", "host");
    has_str(buf_text(&out), "host console log  deep", "help of a group");
    RUN("help", "nope");
    bad(2, "there is no subcommand 'nope'", "help of nothing");
    RUN("command-table");
    has_str(buf_text(&out), "command\tflight fail\tA\twrites\tfails\n",
            "the table has rows");
    has_str(buf_text(&out), "option\tflight show\t--n\tN\ta number\n",
            "and options");
    has_str(buf_text(&out), "command\tsecret\t\thidden", "and hidden ones");
}

/* What bash offers after 'words', by the script that we print. */
static void
completes(const char *words, const char *want)
{
    const char *const argv[] = {
        "bash", "-c", "eval \"$1\"; set -- $2; COMP_WORDS=(assay \"$@\" '');"
        "COMP_CWORD=$(($# + 1)); _assay; echo \"${COMPREPLY[*]}\"", "sh",
        buf_text(&out), words, NULL };
    struct buf got = BUF_INIT;

    if (ok_fault(proc_run(argv, NULL, 0, 20000, &got, &why), &why,
                 "completion of '%s'", words))
        is_str(buf_text(&got), want, "offers what is next");
    buf_free(&got);
}

static void
test_completion(void)
{
    RUN("completion", "bash");
    completes("", "flight host help completion --version --help\n");
    completes("flight", "fail show --flag --text --item --n --any --limit "
              "--json --help\n");
    completes("flight show", "--flag --text --item --n --any --limit --json "
              "--help\n");
    completes("host", "console --help\n");
    completes("help host console", "log --help\n");
}

int
main(int argc, char **argv)
{
    static const struct cmd *const tables[] = { rows, NULL };
    static const struct cmd *const one[] = { single, NULL };
    static const struct cmd_program program = { "assay", "Tests.", tables,
                                                groups };
    static const struct cmd_program alone = { "assay", "Tests.", one, NULL };

    if (argc > 1 && strcmp(argv[1], "cmd") == 0) {
        program_invocation_short_name = argv[1] = (char[]){ "assay" };
        return cmd_main(&program, argc - 1, argv + 1);
    }
    if (argc > 1 && strcmp(argv[1], "single") == 0)
        return cmd_main(&alone, argc - 1, argv + 1);
    test_options();
    test_rows();
    test_texts();
    test_completion();
    buf_free(&out);
    return tap_done();
}
