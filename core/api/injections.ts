/**
 * `GET /api/injections[?namespace]`: pods with a sidecar and without, and why. By the rules by which the injector decides, asked
 * of the pods that there are: so it also tells of those that the injector never saw.
 */
export interface Injections {
  /** By reason, all pods. */
  readonly counts: readonly { readonly reason: string; readonly injected: boolean; readonly pods: number }[]
  /** Those without a sidecar; in order, bounded. */
  readonly without: readonly InjectionDecision[]
  /** Of those, how many are not listed. */
  readonly more: number
}

export interface InjectionDecision {
  readonly namespace: string
  readonly pod: string
  /** A reason of core/injection/decide.ts, or `missed`. */
  readonly reason: string
  /** One sentence. */
  readonly text: string
  /** What to do where it should have one, or ''. */
  readonly remedy: string
}
