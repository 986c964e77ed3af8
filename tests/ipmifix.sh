# shellcheck shell=sh
# tests/ipmifix.sh - a BMC for a machine of the virtual lab: OpenIPMI's
# ipmi_sim, whose power is that of the lab's own machine; source it.
#
#     ipmifix_start lab-x86-1       # its files are below $ASSAY_HOME/bmc
#     assay lab up "$ipmifix_host"  # the host's file: its power is by IPMI
#     kill "$ipmifix_pid"
#
# ASSAY_TOP_SRCDIR, ASSAY_TOP_BUILDDIR and ASSAY_HOME are set.

# A UDP port that nobody has just now.
ipmifix_free_port()
{
    ipmifix_port=$((20000 + $$ % 10000))
    while grep -qi ":$(printf '%04x' "$ipmifix_port") " /proc/net/udp; do
        ipmifix_port=$((ipmifix_port + 1))
    done
}

ipmifix_start()
{
    ipmifix_dir=$ASSAY_HOME/bmc
    ipmifix_host=$ipmifix_dir/$1.yaml
    mkdir -p "$ipmifix_dir/state"
    ipmifix_free_port
    echo none >"$ipmifix_dir/boot"
    (umask 077 && echo s3cr3t-right >"$ipmifix_dir/password")
    cat >"$ipmifix_dir/chassis" <<END
#!/bin/sh
# What the BMC is asked and told: CONTROLLER get|set WHAT [VALUE]...
ASSAY_HOME=$ASSAY_HOME; export ASSAY_HOME
verb=\$2; shift 2
while [ \$# -gt 0 ]; do
    echo "\$verb \$1 \$2" >>'$ipmifix_dir/orders'
    case \$verb-\$1 in
    get-power)
        # Cheap: a BMC is asked often. QEMU's own pid, if it is QEMU's.
        pid=\$(cat '$ASSAY_HOME/lab/virt/run/qemu/$1.pid' 2>/dev/null)
        if [ -n "\$pid" ] && grep -q '^qemu' "/proc/\$pid/comm" 2>/dev/null
        then echo power:1; else echo power:0; fi ;;
    set-power)
        # As real ones do: the order is taken at once, and then carried out.
        case \$2 in 1) order=on ;; *) order=off ;; esac
        setsid '$ASSAY_TOP_BUILDDIR/assay-virt' \$order $1 \
            >>'$ipmifix_dir/log' 2>&1 </dev/null &
        shift ;;
    get-boot) echo "boot:\$(cat '$ipmifix_dir/boot')" ;;
    set-boot) echo "\$2" >'$ipmifix_dir/boot'; shift ;;
    esac
    shift
done
END
    chmod +x "$ipmifix_dir/chassis"
    ipmifix_auth='none md2 md5 straight'
    cat >"$ipmifix_dir/lan.conf" <<END
name "assay"
set_working_mc 0x20
startlan 1
addr 127.0.0.1 $ipmifix_port
priv_limit admin
allowed_auths_callback $ipmifix_auth
allowed_auths_user $ipmifix_auth
allowed_auths_operator $ipmifix_auth
allowed_auths_admin $ipmifix_auth
guid a123456789abcdefa123456789abcdef
endlan
chassis_control "$ipmifix_dir/chassis 0x20"
user 1 true "" "none" user 10 $ipmifix_auth
user 2 true "assay" "s3cr3t-right" admin 10 $ipmifix_auth
END
    cat >"$ipmifix_dir/sim.emu" <<END
mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02
sel_enable 0x20 1000 0x0a
mc_enable 0x20
END
    {
        grep -v '^power:' "$ASSAY_TOP_SRCDIR/hosts/lab/$1.yaml"
        echo "power:"
        echo "  driver: ipmi"
        echo "  address: 127.0.0.1:$ipmifix_port"
        echo "  user: assay"
        echo "  password_file: $ipmifix_dir/password"
        echo "  boot: pxe"
        # ipmi_sim gives no privilege that was not asked for by name.
        echo "  workaround: opensesspriv"
    } >"$ipmifix_host"
    ipmi_sim -n -c "$ipmifix_dir/lan.conf" -f "$ipmifix_dir/sim.emu" \
        -s "$ipmifix_dir/state" >"$ipmifix_dir/log" 2>&1 &
    # shellcheck disable=SC2034 # for those who read this file
    ipmifix_pid=$!
}
