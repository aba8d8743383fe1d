import { spawn } from 'node:child_process'
import type { RunCommand } from './iptables.ts'

const COMMAND_TIMEOUT_MS = 20_000

/** Runs a program of this machine. */
export const runCommand: RunCommand = (program, args, input) =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      // The root filesystem of the init container is read-only: the legacy backend's lock goes elsewhere.
      env: { ...process.env, XTABLES_LOCKFILE: process.env['XTABLES_LOCKFILE'] ?? '/dev/shm/xtables.lock' },
      timeout: COMMAND_TIMEOUT_MS,
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    child.on('error', reject)
    child.on('close', (code) => resolve({ code: code ?? 1, stdout, stderr }))
    // EPIPE: it ended without reading; its exit code tells the story.
    child.stdin.on('error', () => {})
    child.stdin.end(input)
  })
