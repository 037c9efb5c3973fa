import { expect, it } from 'vitest';
import { errorCodeOf, ProgramLog, type Program, type ProgramSummary } from '../../../migrate/src/run/program-log.js';
import { whyItEnded } from '../../../migrate/src/run/settle.js';

function program(more: Partial<Program>): Program {
  return {
    pid: 1,
    figures: { bytes: 0, chunks: 0, bytesPerSecond: 0 },
    summary: undefined,
    isOver: true,
    missingThere: undefined,
    fate: 'was killed (SIGKILL)',
    wasStopped: false,
    stop: () => false,
    poll: () => {},
    close: () => {},
    ...more,
  };
}

const said = (reason: string, code: string): ProgramSummary => ({ outcome: 'aborted', bytes: 0, chunks: 0, reason, code });
const silent = said('the source could not be reached for 30 s', 'peer-lost');
const stopped = said('stopped by the operator of the source', 'cancelled');

it('asks the end that knows why', () => {
  const why = (sender: Partial<Program>, receiver: Partial<Program>) =>
    whyItEnded({ sender: program(sender), receiver: program(receiver) });
  expect(why({ summary: stopped, wasStopped: true }, { summary: silent })).toEqual({ reason: silent.reason, isUnreachable: true });
  expect(why({ summary: silent }, { summary: stopped, wasStopped: true })).toEqual({ reason: silent.reason, isUnreachable: true });
  expect(why({ summary: stopped, wasStopped: true }, {}).reason).toBe("the destination's xmigrate was killed (SIGKILL)");
  expect(why({}, { summary: silent }).reason).toBe("the source's xmigrate was killed (SIGKILL)");
  expect(why({ summary: stopped, wasStopped: true }, { summary: stopped, wasStopped: true }).reason).toBe(stopped.reason);
  expect(why({ isOver: false }, { isOver: false })).toEqual({ reason: 'xmigrate ended without a word', isUnreachable: false });
});

it('believes an end that has lost the network itself, and not one that hears nothing of it', () => {
  const missingThere = "the source's XIA host at 127.0.0.1:7001 does not answer";
  const why = (sender: Partial<Program>, receiver: Partial<Program>) =>
    whyItEnded({ sender: program(sender), receiver: program(receiver) });
  expect(why({ summary: stopped, wasStopped: true, missingThere }, { summary: silent })).toEqual({
    reason: missingThere,
    isUnreachable: true,
  });
  // It may have been gone for a moment, and have nothing to do with the end.
  const full = said('the disk is full', 'load-failed');
  expect(why({ summary: stopped, wasStopped: true, missingThere }, { summary: full }).reason).toBe(full.reason);
});

it('keeps what a program says of its attachment until it is attached again', () => {
  const log = new ProgramLog();
  log.add('attached', { hid: 'HID:1' });
  expect(log.missingThere).toBeUndefined();
  log.add('detached', { reason: 'its host has gone' });
  expect(log.missingThere).toBe('its host has gone');
  log.add('attached', { hid: 'HID:1' });
  expect(log.missingThere).toBeUndefined();
});

it('takes the end of a program for what it is', () => {
  const codes = ['unreachable', 'peer-lost', 'refused', 'busy', 'load-failed', 'cancelled'].map((code) => errorCodeOf(said('', code)));
  expect(codes).toEqual(['unreachable', 'unreachable', 'refused', 'refused', 'program-failed', 'interrupted']);
  expect(errorCodeOf({ ...said('', ''), code: undefined })).toBe('program-failed');
});
