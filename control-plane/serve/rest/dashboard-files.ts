import { readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { describeError, WeftError } from '../../../core/errors.ts'

export interface DashboardFile {
  readonly type: string
  readonly body: string
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.js': 'text/javascript; charset=utf-8',
}

/**
 * The page as dashboard/build.ts makes it, read once: by path, `/` for index.html. Throws WeftError `dashboard.unreadable` naming the directory.
 */
export function readDashboard(directory: string): ReadonlyMap<string, DashboardFile> {
  try {
    const files = new Map<string, DashboardFile>()
    for (const name of readdirSync(directory).sort()) {
      const extension = extname(name)
      const type = Object.hasOwn(TYPES, extension) ? TYPES[extension] : undefined
      if (type === undefined) continue
      const body = readFileSync(join(directory, name), 'utf8')
      files.set(name === 'index.html' ? '/' : `/${name}`, { type, body })
    }
    if (!files.has('/'))
      throw new WeftError('dashboard.unreadable', 'has no index.html: npm run setup builds the page', {
        field: directory,
      })
    return files
  } catch (error) {
    if (error instanceof WeftError) throw error
    throw new WeftError(
      'dashboard.unreadable',
      `can't be read: ${describeError(error)}; npm run setup builds the page`,
      {
        field: directory,
        cause: error,
      },
    )
  }
}
