/* tests/tinyhv/tiny.c - a hypervisor for tests of a lab: it says that it is
 * Xen, that it is up, and what its tests found; it hosts nobody.
 *
 * It is built in a second by the plain compiler, and boots in one. Histories
 * of it are made by tests: each commit changes "version" and whatever it
 * breaks. The bugs of BUG are there to be planted. */
typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
typedef unsigned long uintptr_t;

#ifndef BUG
#define BUG NONE
#endif
#define NONE 0
#define HANG 1                  /* before it is up */
#define PANIC 2                 /* the same, and says so */
#define FLAKE 3                 /* one of five trials of a test fails */
#define TEST 4                  /* a test fails */

#define COM1 0x3f8
#define INFO_CMDLINE 0x4u

struct multiboot_info {
    uint32_t flags, mem_lower, mem_upper, boot_device, cmdline;
};

static inline void
out8(uint16_t port, uint8_t value)
{
    __asm__ volatile ("outb %0, %1" : : "a" (value), "Nd" (port));
}

static inline uint8_t
in8(uint16_t port)
{
    uint8_t value;

    __asm__ volatile ("inb %1, %0" : "=a" (value) : "Nd" (port));
    return value;
}

static void
put(char c)
{
    while ((in8(COM1 + 5) & 0x20) == 0)
        continue;
    out8(COM1, (uint8_t)c);
}

static void
say(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n')
            put('\r');
        put(*text);
    }
}

static void
serial_init(void)
{
    out8(COM1 + 1, 0);
    out8(COM1 + 3, 0x80);       /* 115200,8n1 */
    out8(COM1 + 0, 1);
    out8(COM1 + 1, 0);
    out8(COM1 + 3, 3);
    out8(COM1 + 2, 7);
    out8(COM1 + 4, 3);
}

static void
stop(void)
{
    for (;;)
        __asm__ volatile ("cli; hlt");
}

static void __attribute__((unused))
panic(const char *why)
{
    say("(XEN) ****************************************\n"
        "(XEN) Panic on CPU 0:\n(XEN) ");
    say(why);
    say("\n(XEN) ****************************************\n");
    stop();
}

/* What follows 'key' on the command line, up to a blank; "" without. */
static const char *
option(const char *line, const char *key, char out[33])
{
    unsigned i, k;

    out[0] = '\0';
    for (i = 0; line[i] != '\0'; i++) {
        for (k = 0; key[k] != '\0' && line[i + k] == key[k]; k++)
            continue;
        if (key[k] != '\0')
            continue;
        for (i += k, k = 0; k < 32 && line[i + k] > ' '; k++)
            out[k] = line[i + k];
        out[k] = '\0';
        break;
    }
    return out;
}

static unsigned
number(const char *text)
{
    unsigned n = 0;

    for (; *text >= '0' && *text <= '9'; text++)
        n = 10 * n + (unsigned)(*text - '0');
    return n;
}

/* As good as random: what the clock says now. */
static uint32_t
random_below(uint32_t n)
{
    uint32_t low, high;

    __asm__ volatile ("rdtsc" : "=a" (low), "=d" (high));
    return ((low >> 6) * 2654435761u >> 8) % n;
}

static void
test(const char *name, int good)
{
    say("tiny: test ");
    say(name);
    say(good ? ": pass\n" : ": FAIL\n");
    if (!good)
        say("tiny: the tests failed\n");
}

void tiny_main(uint32_t magic, const struct multiboot_info *info);

void
tiny_main(uint32_t magic, const struct multiboot_info *info)
{
    const char *line = magic == 0x2badb002
        && (info->flags & INFO_CMDLINE) != 0
        ? (const char *)(uintptr_t)info->cmdline : "";
    char text[33];
    unsigned trials = number(option(line, "tiny.trials=", text));
    int sched = BUG != TEST, timer = 1;

    serial_init();
    say("\n(XEN) Xen version " VERSION " (tiny@assay) debug=y\n");
    if (BUG == HANG)
        stop();
    if (BUG == PANIC)
        panic("tiny: no idle domain");
    say("(XEN) Brought up 1 CPUs\nassay: up ");
    say(option(line, "assay.nonce=", text));
    say("\n");
    test("sched", sched);
    do {
        timer = timer && (BUG != FLAKE || random_below(5) != 0);
        say("tiny: a trial of the timer\n");
    } while (trials-- > 1 && trials < 1000);
    test("timer", timer);
    if (sched && timer)
        say("tiny: all tests passed\n");
    stop();
}
