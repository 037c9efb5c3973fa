/** How long a node may take to leave the network in good order: the QEMU that started us stands still meanwhile. */
const CLOSE_TIMEOUT_MS = 50;

/** Closes a node at the end of a program that has done its work; whatever goes wrong there does not matter any more. */
export async function closeNode(node: { close(): Promise<void> }): Promise<void> {
  const timeout = new Promise<void>((resolve) => setTimeout(resolve, CLOSE_TIMEOUT_MS));
  await Promise.race([node.close().catch(() => undefined), timeout]);
}
