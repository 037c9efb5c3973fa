export { faultsOf, findingText, fault, warning, type Finding } from './finding.js';
export { availableMemoryBytes, socketOwner } from './host-memory.js';
export { machineFacts, type MachineFacts } from './machine-facts.js';
export { pairFindings } from './pair-findings.js';
export { probePath, type PathFigures } from './path-probe.js';
export { placeFindings } from './place-findings.js';
export { diskRoomFindings, memoryFindings, type DiskNeed } from './room.js';
export { standbyFindings } from './standby-findings.js';
