interface HasState {
  state: { name: string; message?: string | null };
}

/** Why a run is in its state, in one line: what every such line begins with is left out. */
export function reasonOf({ state }: HasState): string {
  return (state.message ?? state.name).replace(/^(Flow|Task) run encountered an exception: /, "").replaceAll("`", "");
}
