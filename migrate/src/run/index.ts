export {
  ownXmigrate,
  type MigrationSide,
  type RunMigrationOptions,
  type RunMoment,
  type RunPhase,
  type RunProgress,
  type RunResult,
} from './migration-plan.js';
export { checkPair, machineFacts, pairFaults, type MachineFacts } from './preflight.js';
export type { ProgramSummary } from './program-log.js';
export { runMigration } from './run-migration.js';
