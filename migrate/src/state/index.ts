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
export { withOwnershipLock } from './ownership-lock.js';
export { resolveOwnership, type PeerKnowledge, type Resolution } from './resolution.js';
export { checkMayReceive, checkMaySend, noteStays, refuseWhileBusy, takeBack } from './ownership-rules.js';
export { makePrivateFolder, sweepPrivateFolders } from './private-folder.js';
export { isProcessAlive } from './process-alive.js';
