# First process of the guest. The kernel hands unknown NAME=VALUE words of its command line over as environment:
#   LAB_CODE    the checkout           LAB_PYTHON  the interpreter
#   LAB_CASES   where case folders go  LAB_TALK    where host and guest leave each other notes
PATH=/run/bin:/usr/sbin:/usr/bin:/sbin:/bin
HOME=/run TMPDIR=/run LC_ALL=C NSTAT_HISTORY=/run/nstat
export PATH HOME TMPDIR LC_ALL NSTAT_HISTORY
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/netns /run/bin /run/capture /run/code /run/cases /run/talk
mount -t hostfs none /run/code -o "$LAB_CODE"
mount -t hostfs none /run/cases -o "$LAB_CASES"
mount -t hostfs none /run/talk -o "$LAB_TALK"
# The kernel has no nf_tables for IPv4: the plain names must mean the legacy tools, as a remedy would say them.
for tool in iptables iptables-save iptables-restore; do
    legacy=$(command -v "iptables-legacy${tool#iptables}") && ln -s "$legacy" "/run/bin/$tool"
done
echo 1 > /proc/sys/kernel/printk
ip link set lo up
cd /run/code && "$LAB_PYTHON" -B -S -m tests.lab.guest > /run/talk/guest.log 2>&1
echo $? > /run/talk/exit-code
dmesg > /run/talk/dmesg.txt
sync
echo o > /proc/sysrq-trigger
sleep 5
