export { guardedMigration, type MoveOptions, type MoveProgress, type MoveResult, type MoveStep } from './guarded-migration.js';
export { inspectMove, type Inspection } from './inspect-move.js';
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
export type { ProgramSummary } from './program-log.js';
export { runMigration } from './run-migration.js';
export type { UpdateTime } from './update-watch.js';
