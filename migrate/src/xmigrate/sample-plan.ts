/** What `xmigrate run --sample-plan` prints; a test parses it. */
export const SAMPLE_PLAN = `# Moves several VMs: xmigrate run --plan FILE [--dry-run]. Paths are relative to the folder of this file.
concurrency: 2              # moves at the same time
order: listed               # listed, smallest-first or largest-first (by memory)
onFailure: stop             # stop: begin no further move after one that failed; continue

defaults:                   # for every VM that does not say otherwise
  sourceHost: 127.0.0.1:7001   # or unix:PATH
  destinationHost: 127.0.0.1:7002
  sourceState: state-a
  destinationState: state-b
  # sourceControl: run/HOST_A.ctl
  # destinationControl: run/HOST_B.ctl
  # watch: [run/R1.ctl]     # the old gateway: when does it know the new place?
  downtimeLimit: 300        # ms
  maxDowntime: 2000         # ms, for a guest that is too busy otherwise
  timeout: 600              # seconds
  adapt: true               # slow a guest down that changes its memory faster than it is carried
  # bandwidth: 50M          # bytes per second
  # secret: owner.key       # 64 hex digits: memory that was moved before, or with another VM of the plan, comes from caches
  # prefault: true          # touch the destination's memory first
  # qemuStream: exec        # each QEMU starts its xmigrate: for QEMUs of another user; unix
  # disk: auto              # copy what is not shared; none, nbd, block
  # sharedStorage: true     # no disk is copied
  # diskBandwidth: 20M      # bytes per second of a disk's copy
  # eventsDir: events       # keep the event files of both ends

vms:
  - vm: web1
    sourceQmp: vm/web1-a.qmp
    destinationQmp: vm/web1-b.qmp
    # guest: HID:0123456789abcdef0123456789abcdef01234567
    # name: web1.xia
  - vm: db1
    sourceQmp: vm/db1-a.qmp
    destinationQmp: vm/db1-b.qmp
    downtimeLimit: 100
`;
