import type { ReportArchive } from './report-archive.ts'

/** What a report is made of, and where it goes. */
export interface Evidence {
  readonly archive: ReportArchive
  /** Only this one, besides Weft's own; undefined: all. */
  readonly namespace: string | undefined
  /** Logs of applications, too. */
  readonly applications: boolean
  /** Says what is looked at now. */
  readonly progress: (what: string) => void
}
