/** A commented configuration of a router; `xrouter sample` prints it and a test parses it. */
export const routerSample = `# One XIA router. Start it with: xrouter run -c FILE
# Paths are relative to this file. Unknown keys are refused.
# After a change: SIGHUP, or xrouter reload -c FILE; all but name, role, key and the AD is taken over without losing a packet.
name: R1
role: router                      # router: owns an AD and sends its beacons; host: attaches to a router
key: keys/R1.key                  # Ed25519, PKCS#8 PEM, made when it is missing; the hash of its public half is the HID
ad:
  certificate: keys/R1.cert       # the AD's statement that this HID may speak for it (xtestbed makes it)
# nameserver: RE AD:... HID:... SID:1110000000000000000000000000000000001113   # told to everybody by the beacons

faces:
  - name: access                  # hosts, and programs started with --host, attach here
    role: access
    udp: { listen: 127.0.0.1:7101 }
    mtu: 65507                    # largest XIP packet in bytes; 65507 fits loopback, 1472 an Ethernet
  - name: r2                      # the link to the router of the next AD
    role: peer
    udp: { listen: 127.0.0.1:7102, peers: [127.0.0.1:7202], offload: auto }   # auto: several packets per system call where the system can; off
    mtu: 65507
    cost: 10                      # of a packet that leaves here; the way with the least sum is taken; 10 unless said
# - { name: local, role: access, unix: { listen: run/R1.sock } }        # nodes of this machine and this user only, and faster; --host unix:run/R1.sock
# - { name: r3, role: peer, unix: { peers: [../R3/run/to-R1.sock] } }     # one of the two routers listens, the other has it as its peer
# - name: eth0                    # Ethernet frames in UDP datagrams, as a router of the C++ prototype speaks; mtu 1458 unless given
#   role: peer
#   ethernet:
#     listen: 127.0.0.1:7103
#     peers: [127.0.0.1:7203]
#     mac: 02:00:00:00:00:01      # follows from the HID unless given
#     xarp: true                  # find the MAC addresses of neighbours; those listed here are not asked for
#     neighbours: [{ xid: 'HID:3000000000000000000000000000000000000003', mac: 02:00:00:00:00:03 }]

routing: { enabled: true, helloMs: 150, deadMs: 600 }   # link-state routing on the peer faces; a silence of deadMs ends a neighbour

# principals: { U4ID: 0x15 }      # further principal types to route by, name and code; others are left to the fallback
routes:                           # static routes, which count before what routing finds: a destination and the face towards it
                                  # (on Ethernet also the neighbour's HID, nextHop: HID:...)
  - { to: 'AD:2000000000000000000000000000000000000002', via: r2 }

# contentHash: sha1               # CIDs as the C++ prototype makes them, for a network of it; ours are sha256
cache:                            # on-path chunk cache
  bytes: 268435456                # 0 switches it off
  policy: s3-fifo                 # what goes first when it is full: s3-fifo, lru or fifo
  admit: second-request           # what is fetched only once costs nothing, what is fetched twice is kept; or always
beacon: { intervalMs: 100, lifetimeMs: 1000 }
moves: { limit: 5, windowMs: 180000 }          # a HID that moves more often than this is frozen for a while
holding: { enabled: true, ageMs: 2000, bytes: 1048576 }   # packets to a machine that stands still wait so long; bytes of each machine
control: run/R1.ctl               # xrouter show talks to the daemon here
log: { level: info, file: logs/R1.log }        # JSON lines; without a file they go to stderr; opened anew at SIGHUP
`;

/** A commented configuration of a host with a virtual machine's network card on it. */
export const hostSample = `# One XIA host. Start it with: xrouter run -c FILE; after a change: SIGHUP, or xrouter reload -c FILE
name: HOST_A
role: host
key: keys/HOST_A.key
# trust: ['AD:...']               # believe only beacons of these ADs

faces:
  - name: up                      # the router that this host attaches to
    role: uplink
    udp: { listen: 127.0.0.1:7301, peers: [127.0.0.1:7101] }
    mtu: 65507
  - name: apps                    # programs started with --host 127.0.0.1:7302 attach here
    role: access
    udp: { listen: 127.0.0.1:7302 }
    mtu: 65507
# - { name: local, role: access, unix: { listen: run/HOST_A.sock } }    # the same for programs started with --host unix:run/HOST_A.sock: faster
  - name: vm0                     # QEMU: -netdev stream,server=off,addr.type=unix,addr.path=run/vm0.sock
    role: access
    netdev: { path: run/vm0.sock }

control: run/HOST_A.ctl
log: { level: info, file: logs/HOST_A.log }
`;
