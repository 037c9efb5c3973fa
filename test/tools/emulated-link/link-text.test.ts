import { describe, expect, it } from 'vitest';
import { linkPresets, XiaError } from 'xia-core';
import { changedLink, linkFromOptions, PLAIN_LINK, shapeText } from '../../../tools/src/emulated-link/index.js';

describe('a link as text', () => {
  it('is a preset, properties, or both', () => {
    expect(changedLink(PLAIN_LINK, 'asymmetric')).toEqual({ there: linkPresets.asymmetric.there, back: linkPresets.asymmetric.back });
    expect(changedLink(PLAIN_LINK, 'delay=5ms loss=1%').back).toMatchObject({ delayMs: 5, loss: 0.01 });
    const { there } = changedLink(PLAIN_LINK, ' wan  loss=1% ');
    expect(there).toEqual({ ...linkPresets.wan.there, loss: 0.01 });
    expect(changedLink({ there, back: there }, 'loss=none').there).toEqual(linkPresets.wan.there);
  });

  it('changes one direction only where that is asked for', () => {
    const link = changedLink(PLAIN_LINK, 'rate=1Mbit', ['back']);
    expect(link.there.bytesPerSecond).toBeUndefined();
    expect(link.back.bytesPerSecond).toBe(125_000);
  });

  it('comes from options, the preset first', () => {
    const options = { seed: 1, set: ['loss=1%'], aToB: ['delay=1s'], bToA: ['mtu=1280'] };
    const { there, back } = linkFromOptions(options, 'wan');
    expect(there).toEqual({ ...linkPresets.wan.there, loss: 0.01, delayMs: 1000 });
    expect(back).toEqual({ ...linkPresets.wan.back, loss: 0.01, mtu: 1280 });
    expect(linkFromOptions({ seed: 1 }, undefined)).toEqual(PLAIN_LINK);
  });

  it.each(['nowhere', 'loss=2', 'loss=200%', 'speed=1', 'wan loss'])('refuses "%s" as a mistake of the command line', (text) => {
    const refusal = (): unknown => {
      try {
        return changedLink(PLAIN_LINK, text);
      } catch (error) {
        return error;
      }
    };
    expect(refusal()).toBeInstanceOf(XiaError);
    expect(refusal()).toMatchObject({ code: 'usage' });
  });

  it.each(Object.entries(linkPresets))('reads back what it prints: %s', (_, { there }) => {
    expect(changedLink(PLAIN_LINK, shapeText(there)).there).toEqual(there);
  });
});
