import { ensureBuilt } from '../tools/bootstrap.mjs';

/** Tests see the packages as they were compiled last, so that happens first. @throws BootstrapError when they do not compile */
export function setup() {
  ensureBuilt({ quiet: true });
}
