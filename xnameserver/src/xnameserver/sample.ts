/** A commented configuration; `xnameserver sample` prints it and a test parses it. */
export const sampleConfig = `# The XIA name server. Start it with: xnameserver run -c FILE
# Paths are relative to this file. Unknown keys are refused.
# SIGHUP makes it read "limits" and "log" again; the rest needs a restart, over which no name is lost.
name: nameserver                  # in the log and the ready line
host: 127.0.0.1:7302              # access face of the XIA host (or router) to attach to; or unix:PATH
key: keys/nameserver.key          # Ed25519, PKCS#8 PEM, made when it is missing (default: nameserver.key in the data folder)
# trust: ['AD:1000000000000000000000000000000000000001']   # attach to these ADs only
data: data/nameserver             # the records; each is on disk before its registration is answered
control: run/nameserver.ctl       # xnameserver list talks to the daemon here
attachTimeoutMs: 10000            # how long to wait for the host at the start
limits:
  records: 100000                 # names; one more is refused
  requestsPerSecond: 100          # of one sender
log: { level: info, file: logs/nameserver.log }   # JSON lines; without a file they go to stderr

# Tell everybody where it is: put the "dag" of the ready line into the routers' configuration as "nameserver".
`;
