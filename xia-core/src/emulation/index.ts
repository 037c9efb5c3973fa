export { flipBit, linkDropReasons, LinkModel, type LinkCounters, type LinkDropReason, type LinkFate } from './link-model.js';
export { checkShape, DEFAULT_QUEUE_BYTES, shapeFault, type Blackout, type BurstShape, type LinkShape } from './link-shape.js';
export { parseShape, parseTopology } from './parse-topology.js';
export { isLinkPresetName, linkPresets, type LinkPreset, type LinkPresetName } from './presets.js';
export { shapeKeys, shapeProperties } from './shape-text.js';
export { PLAIN_SHAPE, printTopology, type Topology, type TopologyLink, type TopologyNode } from './topology.js';
