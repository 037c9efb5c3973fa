export { GuestFence } from './guest-fence.js';
export { ownershipAdvice, type Owner, type OwnershipAdvice } from './ownership-advice.js';
export { listOwnership, OwnershipFile, type OwnershipDetails } from './ownership-file.js';
export {
  ownershipPhases,
  ownershipSchema,
  type DestinationPhase,
  type OwnershipRecord,
  type OwnershipStep,
  type SourcePhase,
} from './ownership-record.js';
export { checkMayReceive, checkMaySend, takeBack } from './ownership-rules.js';
export { isProcessAlive } from './process-alive.js';
