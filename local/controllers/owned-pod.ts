/** What a controller knows of one of its pods. */
export interface OwnedPod {
  readonly name: string
  /** Of the template that it was made from. */
  readonly hash: string
  readonly ready: boolean
  readonly terminating: boolean
  readonly createdAt: number
  readonly phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed'
  /** Of all its containers. */
  readonly restarts: number
  /** '' before it has one. */
  readonly node: string
}
