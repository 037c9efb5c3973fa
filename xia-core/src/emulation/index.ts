export { flipBit, linkDropReasons, LinkModel, type LinkCounters, type LinkDropReason, type LinkFate } from './link-model.js';
export { isLinkPresetName, linkPresets, type LinkPreset, type LinkPresetName } from './presets.js';
export { checkShape, DEFAULT_QUEUE_BYTES, shapeFault, type Blackout, type BurstShape, type LinkShape } from './link-shape.js';
