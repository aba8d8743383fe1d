/** Sidecars whose configuration is taken, at most: those that do not get on first. */
export const MOST_SIDECARS = 50
export const SIDECARS_AT_ONCE = 4
/** The last lines of each container. */
export const LOG_LINES = 1000
/** Events, at most; the newest. */
export const MOST_EVENTS = 1000

/** Of a sidecar, as `weft config` prints them. */
export const ADMIN_PAGES: readonly (readonly [file: string, page: string])[] = [
  ['config', '/config_dump'],
  ['clusters', '/clusters'],
  ['certs', '/certs'],
  ['stats', '/stats?format=json'],
]
