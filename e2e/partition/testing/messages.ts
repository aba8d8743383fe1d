/** What a test tells one of its nodes. */
export type ToNode =
  | {
      readonly type: 'serve'
      readonly host: string
      readonly number: number
      readonly holds: boolean
      readonly bootstrap: object
      readonly folder: string
    }
  /** Everything that comes in from now on is lost, or no longer. */
  | { readonly type: 'lose'; readonly packets: boolean }
  /** Its interface vanishes, or is there again. */
  | { readonly type: 'interface'; readonly up: boolean }
  | { readonly type: 'count' }

/** What a node answers, one message each. */
export type FromNode =
  | { readonly type: 'up' }
  | { readonly type: 'done' }
  | { readonly type: 'counted'; readonly counts: Counts }
  | { readonly type: 'failed'; readonly message: string }

export interface Counts {
  /** How often the application took each POST, by its path. */
  readonly posts: Readonly<Record<string, number>>
  /** Connections that are open at the application now, by what they carry. */
  readonly open: { readonly webSockets: number; readonly relays: number; readonly held: number }
}
