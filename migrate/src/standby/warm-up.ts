export async function warmUp(_times: number, _signal: AbortSignal): Promise<void> {}
