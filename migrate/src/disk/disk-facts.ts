import * as v from 'valibot';
import { XiaError } from 'xia-core';
import type { QmpClient } from '../qemu/index.js';
import { storageOf, type DiskStorage } from './disk-storage.js';

const imageSchema = v.object({
  filename: v.string(),
  format: v.string(),
  'virtual-size': v.number(),
  'actual-size': v.optional(v.number()),
});

const blockSchema = v.array(
  v.object({
    device: v.string(),
    qdev: v.optional(v.string()),
    // Absent from an empty drive.
    inserted: v.optional(v.object({ 'node-name': v.optional(v.string()), ro: v.boolean(), drv: v.string(), image: imageSchema })),
  }),
);

/** What one QEMU says about a disk that is plugged into its machine. */
export interface DiskFacts {
  /** What people call it: the drive's name, or the block node's. */
  readonly name: string;
  /** Path of the guest's device in QEMU's object tree: the same at both sites for the same machine. */
  readonly qdev: string;
  /** The drive's name (`-drive id=`); empty when the disk came by `-blockdev`. */
  readonly device: string;
  readonly nodeName: string;
  readonly isReadOnly: boolean;
  readonly format: string;
  /** The size that the guest sees. */
  readonly sizeBytes: number;
  /** What it takes on its storage: less than the size where it has holes. */
  readonly allocatedBytes: number | undefined;
  readonly filename: string;
  readonly storage: DiskStorage;
}

/** A flash chip's content is part of the memory that moves, and the destination writes it to its own image by itself. */
const FLASH = /\/system\.flash\d|pflash/;

/**
 * The disks of a QEMU's machine: empty drives, drives that no device uses, and flash chips are none.
 * @throws XiaError `qmp-error`
 */
export async function queryDisks(qmp: QmpClient): Promise<DiskFacts[]> {
  return parseDisks(await qmp.execute('query-block'));
}

/** Reads an answer to `query-block`. @throws XiaError `qmp-error` when it is none */
export function parseDisks(answer: unknown): DiskFacts[] {
  const parsed = v.safeParse(blockSchema, answer);
  if (!parsed.success) {
    throw new XiaError('qmp-error', `QEMU's answer to query-block cannot be understood: ${v.summarize(parsed.issues)}`);
  }
  const disks: DiskFacts[] = [];
  for (const { device, qdev, inserted } of parsed.output) {
    if (qdev === undefined || inserted === undefined || FLASH.test(qdev)) continue;
    const { image, 'node-name': nodeName = '' } = inserted;
    disks.push({
      name: device !== '' ? device : nodeName,
      qdev,
      device,
      nodeName,
      isReadOnly: inserted.ro,
      format: inserted.drv,
      sizeBytes: image['virtual-size'],
      allocatedBytes: image['actual-size'],
      filename: image.filename,
      storage: storageOf(image.filename),
    });
  }
  return disks;
}
