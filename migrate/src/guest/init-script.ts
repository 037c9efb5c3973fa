/** The guest's own address and the gateway that the host node plays; the same at every site, so that a move changes nothing. */
export const GUEST_ADDRESS = '169.254.77.2';
export const GATEWAY_ADDRESS = '169.254.77.1';
export const GUEST_PREFIX_BITS = 24;

/** Where the guest finds the file of `-fw_cfg name=opt/xia/config`. */
export const GUEST_CONFIG_PATH = '/sys/firmware/qemu_fw_cfg/by_name/opt/xia/config/raw';

const BB = '/bin/busybox';

/** What was held for a machine while it stood still comes at once: more than a socket takes by the kernel's own limit. */
const SOCKET_BUFFER_BYTES = 8 * 1024 * 1024;

/**
 * The guest's first process, a busybox shell script: mounts, modules, network, then the application on Node with its output on
 * the serial console. It stays as parent of the application, as process 1 must never end, and powers off after it.
 * @param modules names below `/modules`, in the order to load
 */
export function guestInitScript(modules: readonly string[]): string {
  return `#!${BB} sh
${BB} mount -t devtmpfs dev /dev
${BB} mount -t proc proc /proc
${BB} mount -t sysfs sys /sys
for module in ${modules.join(' ')}; do
  ${BB} insmod /modules/$module.ko || echo "guest: module $module did not load"
done
# The kernel took the time from the clock chip; one without a battery says 1970.
if [ "$(${BB} date +%Y)" -lt 2024 ]; then ${BB} date -s 2024-01-01 > /dev/null; fi
${BB} hostname xia-guest
for limit in rmem_max wmem_max; do echo ${SOCKET_BUFFER_BYTES} > /proc/sys/net/core/$limit; done
${BB} ip link set lo up
if [ -e /sys/class/net/eth0 ]; then
  # No IPv6: its address probes would be the first frames out, and nobody answers them.
  echo 1 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6 2> /dev/null
  ${BB} ip addr add ${GUEST_ADDRESS}/${GUEST_PREFIX_BITS} dev eth0
  ${BB} ip link set eth0 up
  ${BB} ip route add default via ${GATEWAY_ADDRESS}
else
  echo "guest: no network card"
fi
# The clock stands still while the guest moves, and each move adds to the lag; the clock chip, which shows whole seconds, does not.
while ${BB} sleep 30; do
  chip=$(${BB} cat /sys/class/rtc/rtc0/since_epoch)
  if [ $((chip - $(${BB} date +%s))) -ge 2 ]; then ${BB} date -s @$chip > /dev/null; fi
done &
# One processor and little memory: few worker threads, and a bound for the heap.
UV_THREADPOOL_SIZE=2 HOME=/tmp PATH=/bin /bin/node --max-old-space-size=128 /app/main.mjs
echo "guest: the application ended with code $?"
${BB} poweroff -f
`;
}
