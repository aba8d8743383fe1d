/** One kind of mistake, as docs/checks.md explains it. */
export interface Check {
  /** What is wrong, without a name of an object: a line of a list. */
  readonly title: string
  /** The worst that it is told as: `info` is advice. */
  readonly severity: 'error' | 'warning' | 'info'
  /**
   * By what it is found: `files` in manifests and in a mesh alike, `machine` only where manifests run on one machine, `mesh` only
   * where a mesh runs, `traffic` by what its sidecars saw.
   */
  readonly by: 'files' | 'machine' | 'mesh' | 'traffic'
  /** Why that is a mistake, and what becomes of requests. */
  readonly why: string
  /** What to do, in general; a finding says it of its object. */
  readonly remedy: string
}
