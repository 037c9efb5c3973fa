/** The largest value of the present and of the last period; {@link advance} begins a new one. */
export class PeriodMax {
  #present = 0;
  #last = 0;

  get value(): number {
    return Math.max(this.#present, this.#last);
  }

  add(value: number): void {
    if (value > this.#present) this.#present = value;
  }

  advance(): void {
    this.#last = this.#present;
    this.#present = 0;
  }

  clear(): void {
    this.#present = 0;
    this.#last = 0;
  }
}
