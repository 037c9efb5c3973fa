// Runs before anything of the project can: plain Node, no dependencies. It puts in place what is missing (npm packages,
// the build, QEMU and its companions) and then starts the target, `demo`, a benchmark or a laboratory, with the remaining arguments.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const projectRoot = fileURLToPath(new URL('..', import.meta.url));

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const EXIT_PREREQUISITE = 6;

const OLDEST_NODE = [20, 19];
export const WORKSPACES = ['xia-core', 'xrouter', 'xnameserver', 'migrate', 'tools'];

/** What the demo, the benchmark and the tests run beside Node, and the Debian and Ubuntu packages that have it. */
const PREREQUISITES = [
  { program: 'qemu-system-x86_64', aptPackage: 'qemu-system-x86' },
  { program: 'busybox', aptPackage: 'busybox-static' },
  { program: 'socat', aptPackage: 'socat', only: ['bench', 'test'] },
  { program: 'tshark', aptPackage: 'tshark', only: ['test'] },
  // Ubuntu compresses the modules of its kernel with it.
  { program: 'zstd', aptPackage: 'zstd', system: 'ubuntu' },
];

/** Where the guest's kernel and images are kept; see the demo. */
const KERNEL_FOLDER = join(projectRoot, '.cache', 'guest', 'kernel');
const KERNEL_PACKAGES = ['linux-image-cloud-amd64', 'linux-image-virtual', 'linux-image-amd64', 'linux-image-generic'];

/** Ends the start of a target with a message and an exit code. */
export class BootstrapError extends Error {
  constructor(message, exitCode) {
    super(message);
    this.name = 'BootstrapError';
    this.exitCode = exitCode;
  }
}

/** @returns {(line: string) => void} progress goes to stderr, so stdout is the target's alone */
export function createLog(quiet) {
  return quiet ? () => {} : (line) => process.stderr.write(`${line}\n`);
}

export function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return;
  throw new BootstrapError(`Node ${OLDEST_NODE.join('.')} or later is needed, this is ${process.versions.node}`, EXIT_PREREQUISITE);
}

function modifiedMs(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? -Infinity;
}

function run(command, args, { quiet, cwd = projectRoot, what }) {
  // Even a quiet run must say why it failed, so what it prints is kept.
  const result = spawnSync(command, args, {
    cwd,
    stdio: ['ignore', quiet ? 'pipe' : 2, quiet ? 'pipe' : 2],
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  if (result.error === undefined && result.status === 0) return;
  const output = quiet ? `\n${result.stdout ?? ''}${result.stderr ?? ''}`.trimEnd() : '';
  throw new BootstrapError(`${what} failed: ${[command, ...args].join(' ')}${output}`, EXIT_FAILED);
}

/** Installs the npm packages of the lock file when there are none, or older ones. */
export function ensureDependencies({ quiet = false } = {}) {
  const installed = modifiedMs(join(projectRoot, 'node_modules', '.package-lock.json'));
  const wanted = modifiedMs(join(projectRoot, 'package-lock.json'));
  // A checkout gives the lock file the time of the checkout, so a newer file may still be the same.
  if (installed >= wanted || (installed > -Infinity && sameLock())) return;
  createLog(quiet)('installing the npm packages of package-lock.json (npm ci)');
  run('npm', ['ci', '--no-audit', '--no-fund', '--prefer-offline'], { quiet, what: 'installing npm packages' });
}

/** True when node_modules holds exactly the versions of the lock file. */
function sameLock() {
  try {
    const wanted = JSON.parse(readFileSync(join(projectRoot, 'package-lock.json'), 'utf8')).packages;
    const installed = JSON.parse(readFileSync(join(projectRoot, 'node_modules', '.package-lock.json'), 'utf8')).packages;
    return Object.entries(wanted).every(([path, entry]) => {
      if (path === '' || !path.startsWith('node_modules/')) return true;
      const found = installed[path];
      return found === undefined ? entry.optional === true : found.version === entry.version;
    });
  } catch {
    return false;
  }
}

function newestSource(folder) {
  let newest = -Infinity;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) newest = Math.max(newest, newestSource(path));
    else if (entry.name.endsWith('.ts')) newest = Math.max(newest, modifiedMs(path));
  }
  return newest;
}

/** Builds every package when one of its sources or the compiler's options is newer than the last complete build. */
export function ensureBuilt({ quiet = false } = {}) {
  const options = Math.max(
    modifiedMs(join(projectRoot, 'tsconfig.base.json')),
    ...WORKSPACES.map((name) => modifiedMs(join(projectRoot, name, 'tsconfig.json'))),
  );
  const stale = WORKSPACES.some((name) => {
    const folder = join(projectRoot, name);
    const builds = ['tsconfig.tsbuildinfo', join('dist', 'tsconfig.tsbuildinfo')].map((file) => modifiedMs(join(folder, file)));
    const built = existsSync(join(folder, 'dist', 'index.js')) ? Math.max(...builds) : -Infinity;
    return built < Math.max(options, newestSource(join(folder, 'src')));
  });
  if (!stale) return;
  createLog(quiet)('compiling (tsc -b)');
  const compiler = join(projectRoot, 'node_modules', '.bin', 'tsc');
  run(compiler, ['-b', ...WORKSPACES], { quiet, what: 'compiling' });
}

function isInstalled(program) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** The command prefix by which this user may install packages without being asked; undefined when that is not so. */
function installPrefix() {
  if (!isInstalled('apt-get')) return undefined;
  if (process.getuid?.() === 0) return [];
  const sudo = isInstalled('sudo') && spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0;
  return sudo ? ['sudo', '-n'] : undefined;
}

/**
 * Installs QEMU and its companions by apt when this user may; otherwise ends with the exact command to run, exit code 6.
 * @param {{quiet?: boolean, target?: 'demo' | 'bench' | 'test'}} options
 */
export function ensurePrerequisites({ quiet = false, target = 'test' } = {}) {
  const system = systemId();
  const wanted = PREREQUISITES.filter(
    ({ only, system: on }) => (only === undefined || only.includes(target)) && (on === undefined || on === system),
  );
  const missing = () => wanted.filter(({ program }) => !isInstalled(program));
  installMissing(missing, quiet);
  ensurePackageLists(quiet);
}

function systemId() {
  try {
    return /^ID="?([a-z]+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}

/** The guest's kernel is downloaded as a package, once, which takes package lists that are not out of date. */
function ensurePackageLists(quiet) {
  if (existsSync(KERNEL_FOLDER) || !isInstalled('apt-cache')) return;
  const prefix = installPrefix();
  if (prefix !== undefined) {
    createLog(quiet)('reading package lists (apt-get update)');
    const command = [...prefix, 'apt-get', '-q', 'update'];
    // Without a network the lists that are there may do.
    spawnSync(command[0], command.slice(1), { stdio: 'ignore' });
  }
  const known = KERNEL_PACKAGES.some(
    (name) => spawnSync('apt-cache', ['show', '--no-all-versions', name], { stdio: 'ignore' }).status === 0,
  );
  if (!known) throw new BootstrapError('apt knows no kernel package for the guest. Run:\n\n    sudo apt-get update\n', EXIT_PREREQUISITE);
}

function installMissing(missing, quiet) {
  const absent = missing();
  if (absent.length === 0) return;
  const packages = absent.map(({ aptPackage }) => aptPackage);
  const programs = absent.map(({ program }) => program).join(', ');
  const byHand = `sudo apt-get update && sudo apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  const prefix = installPrefix();
  if (prefix === undefined) throw new BootstrapError(`not installed: ${programs}. Run:\n\n    ${byHand}\n`, EXIT_PREREQUISITE);
  const apt = (...args) => {
    const command = [...prefix, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-q', ...args];
    run(command[0], command.slice(1), { quiet, what: 'installing packages' });
  };
  createLog(quiet)(`installing ${packages.join(', ')} (apt-get)`);
  const install = () => apt('install', '-y', '--no-install-recommends', ...packages);
  try {
    try {
      install();
    } catch {
      // Without package lists, or with old ones, the first try finds nothing.
      apt('update');
      install();
    }
  } catch (error) {
    throw new BootstrapError(`${error.message}\n${programs} could not be installed. Run:\n\n    ${byHand}\n`, EXIT_PREREQUISITE);
  }
  if (missing().length > 0)
    throw new BootstrapError(`installed ${packages.join(', ')}, and still not found: ${programs}`, EXIT_PREREQUISITE);
}

const TARGETS = {
  demo: 'tools/dist/demo/main.js',
  bench: 'tools/dist/bench/main.js',
  'bench:forwarding': 'tools/dist/bench-forwarding/main.js',
  'bench:handover': 'tools/dist/bench-handover/main.js',
  'bench:transport': 'tools/dist/bench-transport/main.js',
  'lab:tcp': 'tools/dist/tun-lab/main.js',
};
/** Run without a virtual machine; what else they measure beside they say themselves when it is missing. */
const NEED_ONLY_NODE = new Set(['bench:forwarding', 'bench:transport', 'lab:tcp']);

async function start(argv) {
  const [target, ...args] = argv;
  if (!Object.hasOwn(TARGETS, target ?? ''))
    throw new BootstrapError(`usage: node tools/bootstrap.mjs ${Object.keys(TARGETS).join('|')} [options]`, EXIT_USAGE);
  const quiet = args.includes('--json') || args.includes('--quiet') || process.env.npm_config_loglevel === 'silent';
  checkNode();
  ensureDependencies({ quiet });
  ensureBuilt({ quiet });
  // Whoever only asks how to use it needs no QEMU.
  if (!NEED_ONLY_NODE.has(target) && !args.includes('--help') && !args.includes('-h')) ensurePrerequisites({ quiet, target });
  const { main } = await import(pathToFileURL(join(projectRoot, TARGETS[target])).href);
  await main([process.argv[0], target, ...args]);
}

if (process.argv[1] !== undefined && pathToFileURL(process.argv[1]).href === import.meta.url) {
  try {
    await start(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof BootstrapError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(error.exitCode);
  }
}
