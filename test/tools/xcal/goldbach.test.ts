import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AnswerChecker } from '../../../tools/src/xcal/answer-checker.js';
import { goldbachPair, LARGEST_NUMBER } from '../../../tools/src/xcal/goldbach.js';
import { GoldbachService } from '../../../tools/src/xcal/service.js';

describe('goldbachPair', () => {
  it.each([
    [4, [2, 2]],
    [6, [3, 3]],
    [8, [3, 5]],
    [98, [19, 79]],
    [100, [3, 97]],
    [LARGEST_NUMBER, [11, 99_999_989]],
  ])('of %i', (even, pair) => {
    expect(goldbachPair(even)).toEqual(pair);
  });

  it.each([2, 3, 7, 0, -4, 4.5, Number.NaN, LARGEST_NUMBER + 2])('has none of %d', (number) => {
    expect(goldbachPair(number)).toBeUndefined();
  });
});

describe('GoldbachService and AnswerChecker', () => {
  it('agree, though they compute in different ways', () => {
    const service = new GoldbachService('a1');
    const checker = new AnswerChecker();
    for (let index = 0; index < 3000; index++)
      expect(checker.answer(service.answer(String(checker.ask(index))))).toMatchObject({ ok: true, startId: 'a1' });
    expect(checker.counts).toEqual({ questions: 3000, answers: 3000, wrong: 0, missing: 0, resets: 0 });
    expect(service.counter).toBe(3000);
  });

  it('sees a service that was started again', () => {
    const checker = new AnswerChecker();
    checker.answer(new GoldbachService('a1').answer(String(checker.ask(0))));
    expect(checker.answer(new GoldbachService('b2').answer(String(checker.ask(1)))).ok).toBe(true);
    expect(checker.counts.resets).toBe(1);
  });

  it('sees a counter that goes back: a service that was rolled back', () => {
    const checker = new AnswerChecker();
    const service = new GoldbachService('a1');
    checker.answer(service.answer(String(checker.ask(0))));
    expect(checker.answer(new GoldbachService('a1').answer(String(checker.ask(1)))).reason).toBe('the counter did not grow');
  });

  it.each([
    ['another question answered', '6 3 3 1 s'],
    ['a wrong sum', '4 2 3 1 s'],
    ['no primes', '4 1 3 1 s'],
    ['an error', 'error "x"'],
    ['garbage', '\0\0\0'],
    ['nothing', ''],
  ])('counts %s as wrong', (_what, line) => {
    const checker = new AnswerChecker();
    expect(checker.ask(0)).toBe(4);
    expect(checker.answer(line).ok).toBe(false);
    expect(checker.counts.wrong).toBe(1);
  });

  it('never accepts anything but the pair', () => {
    fc.assert(
      fc.property(fc.nat(2_000_000), fc.nat(2_000_000), (first, second) => {
        const checker = new AnswerChecker();
        for (let index = 0; index < 50; index++) checker.ask(index);
        const accepted = checker.answer(`4 ${first} ${second} 1 s`).ok;
        expect(accepted).toBe(first === 2 && second === 2);
      }),
    );
  });

  it('counts questions that went down with their stream', () => {
    const checker = new AnswerChecker();
    checker.ask(0);
    checker.ask(1);
    checker.giveUp();
    expect(checker).toMatchObject({ outstanding: 0, counts: { questions: 2, answers: 0, missing: 2 } });
  });

  it('refuses lines that are no question, without counting them', () => {
    const service = new GoldbachService('a1');
    for (const line of ['', 'x', '5', '4.0', '99999999999', '-4', '4 4']) expect(service.answer(line)).toMatch(/^error /);
    expect(service.counter).toBe(0);
  });
});
