export {
  ownXmigrate,
  type MigrationSide,
  type RunMigrationOptions,
  type RunMoment,
  type RunPhase,
  type RunProgress,
  type RunResult,
} from './migration-plan.js';
export { prefaultAdvice, prefaultMemory, queryMemdevs, type Memdev, type PrefaultAdvice } from './prefault.js';
export { checkPair, machineFacts, pairFaults, type MachineFacts } from './preflight.js';
export type { ProgramSummary } from './program-log.js';
export { runMigration } from './run-migration.js';
