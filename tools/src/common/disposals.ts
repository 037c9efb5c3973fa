/** Things to be ended, the last one first. What `AsyncDisposableStack` will be when every supported Node has it. */
export class Disposals implements AsyncDisposable {
  readonly #things: AsyncDisposable[] = [];

  /** Takes a thing over and gives it back. */
  use<T extends AsyncDisposable>(thing: T): T {
    this.#things.push(thing);
    return thing;
  }

  /** Ends everything, also when the end of one fails; the first failure is thrown afterwards. */
  async [Symbol.asyncDispose](): Promise<void> {
    let failure: { readonly error: unknown } | undefined;
    for (let thing = this.#things.pop(); thing !== undefined; thing = this.#things.pop()) {
      try {
        await thing[Symbol.asyncDispose]();
      } catch (error) {
        failure ??= { error };
      }
    }
    if (failure !== undefined) throw failure.error;
  }
}
