/** Numbers that are asked for; the sieve that checks the answers covers them. */
const SMALLEST = 4;
const LARGEST = 1_000_000;
/** Spreads the questions; prime, so that every even number of the range comes up before one comes again. */
const STRIDE = 7919;

export interface AnswerCounts {
  readonly questions: number;
  readonly answers: number;
  /** Answers that are false, answer another question, or whose counter did not grow. */
  readonly wrong: number;
  /** Questions that were given up unanswered. */
  readonly missing: number;
  /** Times that the service turned out to be another start of itself. */
  readonly resets: number;
}

/** What was found about one answer. */
export interface CheckedAnswer {
  readonly question: number | undefined;
  readonly sentMs: number | undefined;
  readonly ok: boolean;
  readonly reason: string | undefined;
  readonly counter: number | undefined;
  readonly startId: string | undefined;
}

function sievePrimes(largest: number): Uint8Array {
  const composite = new Uint8Array(largest + 1);
  composite[0] = composite[1] = 1;
  for (let prime = 2; prime * prime <= largest; prime++) {
    if (composite[prime] !== 0) continue;
    for (let multiple = prime * prime; multiple <= largest; multiple += prime) composite[multiple] = 1;
  }
  return composite;
}

/** Asks numbers and checks the answers by a way of its own: a sieve, where the service divides. */
export class AnswerChecker {
  readonly #composite = sievePrimes(LARGEST);
  readonly #waiting: { readonly even: number; readonly sentMs: number }[] = [];
  #questions = 0;
  #answers = 0;
  #wrong = 0;
  #missing = 0;
  #resets = 0;
  #counter = -1;
  #startId: string | undefined;

  /** Questions that wait for their answer. */
  get outstanding(): number {
    return this.#waiting.length;
  }

  get counts(): AnswerCounts {
    return { questions: this.#questions, answers: this.#answers, wrong: this.#wrong, missing: this.#missing, resets: this.#resets };
  }

  /** The next number to ask. */
  ask(nowMs: number): number {
    const span = (LARGEST - SMALLEST) / 2 + 1;
    const even = SMALLEST + 2 * ((this.#questions * STRIDE) % span);
    this.#questions++;
    this.#waiting.push({ even, sentMs: nowMs });
    return even;
  }

  /** Checks the line that answers the oldest question. */
  answer(line: string): CheckedAnswer {
    const waiting = this.#waiting.shift();
    this.#answers++;
    const match = /^(\d{1,9}) (\d{1,9}) (\d{1,9}) (\d{1,15}) (\w{1,64})$/.exec(line);
    const counter = match === null ? undefined : Number(match[4]);
    const startId = match?.[5];
    const reason = this.#faultOf(
      waiting?.even,
      match === null ? undefined : [Number(match[1]), Number(match[2]), Number(match[3])],
      counter,
      startId,
    );
    if (reason !== undefined) this.#wrong++;
    if (startId !== undefined && counter !== undefined) {
      if (this.#startId !== undefined && this.#startId !== startId) this.#resets++;
      this.#startId = startId;
      this.#counter = counter;
    }
    return { question: waiting?.even, sentMs: waiting?.sentMs, ok: reason === undefined, reason, counter, startId };
  }

  /** Gives up what is unanswered: the stream that it was asked on is gone. */
  giveUp(): void {
    this.#missing += this.#waiting.length;
    this.#waiting.length = 0;
  }

  #faultOf(
    even: number | undefined,
    numbers: [number, number, number] | undefined,
    counter: number | undefined,
    startId: string | undefined,
  ): string | undefined {
    if (even === undefined) return 'an answer without a question';
    if (numbers === undefined) return 'not an answer';
    const [asked, first, second] = numbers;
    if (asked !== even) return `answers ${asked} instead of ${even}`;
    if (first + second !== even || first > second) return 'not a sum of that number';
    if (this.#composite[first] !== 0 || this.#composite[second] !== 0) return 'not two primes';
    for (let smaller = 2; smaller < first; smaller++) {
      if (this.#composite[smaller] === 0 && this.#composite[even - smaller] === 0) return 'not the smallest pair';
    }
    if (startId === this.#startId && counter !== undefined && counter <= this.#counter) return 'the counter did not grow';
    return undefined;
  }
}
