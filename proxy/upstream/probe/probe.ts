/** What a probe found: whether it is well, and in words; undefined: nothing was found out. */
export type ProbeDone = (result: { readonly ok: boolean; readonly text: string } | undefined) => void
