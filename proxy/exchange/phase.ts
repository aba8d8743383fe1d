/** Where an exchange is; it only ever goes forward. */
export const Phase = {
  /** The head is here: what comes before the choice of a route (its path is put in order). */
  Arriving: 0,
  /** For the routes to be known. */
  AwaitingRoutes: 1,
  /** The request steps are asked, in order; one of them may wait. */
  Deciding: 2,
  /** An endpoint is looked for, tried, tried again. */
  Forwarding: 3,
  /** The head of an answer went to the caller. */
  Responding: 4,
  Over: 5,
} as const

export type Phase = (typeof Phase)[keyof typeof Phase]
