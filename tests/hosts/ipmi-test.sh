#!/bin/sh
# A machine of the virtual lab that is switched by IPMI: a BMC between Assay and
# QEMU, as between Assay and a real machine. Nothing is booted but firmware.
set -u
# shellcheck source=tests/pgfix.sh
. "${ASSAY_TOP_SRCDIR:?}/tests/pgfix.sh"

PATH=$PATH:/usr/sbin:/sbin
export PATH
for tool in ip dnsmasq qemu-system-x86_64 ipmi_sim; do
    command -v $tool >/dev/null || skip_all "there is no $tool"
done
grep -q 'define HAVE_FREEIPMI 1' "${ASSAY_TOP_BUILDDIR:?}/config.h" ||
    skip_all 'built without FreeIPMI'
unshare -n true 2>/dev/null || skip_all 'only root may do this here'

# shellcheck source=tests/ipmifix.sh
. "$ASSAY_TOP_SRCDIR/tests/ipmifix.sh"
ASSAY_LOG=error
export ASSAY_LOG
pgfix_start
pgfix_at_end 'assay lab down >/dev/null 2>&1'
ipmifix_start lab-x86-1
pgfix_at_end "kill $ipmifix_pid 2>/dev/null"
machine() { "$ASSAY_TOP_BUILDDIR/assay-virt" status lab-x86-1; }

assay lab up "$ipmifix_host" 2>"$ASSAY_HOME/up" ||
    sed 's/^/# /' "$ASSAY_HOME/up"
is 'off, says the BMC' "$(assay power lab-x86-1 status)" off
is 'switched on' "$(assay power lab-x86-1 on)" on
is 'the machine runs' "$(machine)" on
is 'from the network, which was set before' \
    "$(grep '^set' "$ASSAY_HOME/bmc/orders" | head -n 2 | cut -d' ' -f 1,2 |
    tr '\n' ' ')" 'set boot set power '
await 60 grep -aq iPXE "$ASSAY_HOME/consoles/lab-x86-1/current"
ok 'and speaks'
is 'off, and on again' "$(assay power lab-x86-1 cycle) $(machine)" 'on on'
"$ASSAY_TOP_BUILDDIR/assay-virt" off lab-x86-1
is 'when it went off by itself, the BMC knows' \
    "$(assay power lab-x86-1 status)" off
kill $ipmifix_pid
wait $ipmifix_pid 2>/dev/null
sed -i 's/^  driver: ipmi/&\n  limit: 300ms/' "$ipmifix_host"
assay host add "$ipmifix_host" >/dev/null
assay power lab-x86-1 on 2>/dev/null
is 'a BMC that is gone' "$?" 75
is 'takes its host out of use' "$(assay host show lab-x86-1 --json |
    jq -r .state)" bad

tap_end
