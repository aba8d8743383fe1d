import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeError } from '../../../core/errors.ts'
import { debianProgram, type InstalledProgram } from '../../programs/debian.ts'
import { takesConnections } from '../../programs/takes-connections.ts'
import type { Teardown } from './pair.ts'

const CACHE = join(import.meta.dirname, '..', '..', '..', '.cache', 'bench')

/** Debian's nginx with its module for streams, or why it is not to be had. */
export function findNginx(): {
  readonly program: InstalledProgram | undefined
  readonly skip: false | string
} {
  try {
    mkdirSync(CACHE, { recursive: true })
    return { program: debianProgram('nginx', CACHE), skip: false }
  } catch (error) {
    return { program: undefined, skip: describeError(error) }
  }
}

/** Runs it until the end of the test with these servers, of `http` and `stream`; resolves once it takes connections at `port`. */
export async function startNginx(
  t: Teardown,
  program: InstalledProgram,
  servers: { readonly http: string; readonly stream: string },
  port: number,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'weft-nginx-'))
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  writeFileSync(
    join(folder, 'nginx.conf'),
    `load_module ${program.root}/usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
  access_log off;
${temporary.map((name) => `  ${name}_temp_path ${name};`).join('\n')}
${servers.http}
}
stream {
${servers.stream}
}
`,
  )
  const args = ['-p', folder, '-c', join(folder, 'nginx.conf')]
  const child = spawn(program.argv[0] as string, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...program.env },
  })
  let said = ''
  child.stderr.on('data', (text: Buffer) => (said += text.toString()))
  const exit = once(child, 'exit')
  t.teardown(async () => {
    child.kill('SIGTERM')
    await exit
    rmSync(folder, { recursive: true, force: true })
  })
  while (!(await takesConnections(port))) {
    if (child.exitCode !== null) throw new Error(`nginx ended: ${said}`)
  }
}
