import { execFileSync } from 'node:child_process'
import type { Test } from 'tap'

const INSIDE = 'WEFT_TEST_IN_NAMESPACE'

/**
 * Runs `tests` in a network namespace that nothing else is in, where a sidecar's fixed ports are free: by running
 * `file` again, inside. Skipped with the reason where none can be made.
 */
export function inOwnNamespace(t: Test, file: string, tests: () => void): void {
  if (process.env[INSIDE] === '1') {
    execFileSync('ip', ['link', 'set', 'lo', 'up'])
    // The ports are the same for all.
    t.jobs = 1
    return tests()
  }
  const reason = whyNot()
  if (reason !== '') return void t.test('in a network namespace of its own', { skip: reason }, () => {})
  void t.spawn('unshare', ['--net', '--', process.execPath, file], { env: { ...process.env, [INSIDE]: '1' } })
}

function whyNot(): string {
  if (process.getuid?.() !== 0) return 'needs root to make a network namespace'
  try {
    execFileSync('unshare', ['--net', '--', 'ip', 'link', 'set', 'lo', 'up'], { stdio: 'ignore' })
    return ''
  } catch (error) {
    return `no network namespace is to be had: ${error instanceof Error ? error.message : String(error)}`
  }
}
