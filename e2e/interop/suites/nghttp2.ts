import { once } from 'node:events'
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer as createHttp1 } from 'node:http'
import { connect as connectHttp2, createServer as createHttp2, type ClientHttp2Session } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../../core/testing/free-ports.ts'
import { portOf, startPair, type Pair } from '../../pair/testing/pair.ts'
import { runCommand, type Ended } from '../command.ts'
import { nghttp2Program } from '../programs/programs.ts'
import type { Case, Run, Suite, Verdict } from '../suite.ts'

const MIB = 1024 * 1024
const UPLOAD = 50 * MIB
/**
 * nghttp waits a second for 100 and then sends its content, also where it has begun to: it resets its own stream where an
 * upload with --expect-continue takes longer. So that one is small, and tried again where nghttp says so.
 */
const EXPECTING_UPLOAD = MIB
const OWN_FAULT = /nghttp2_submit_data\(\) returned error/
const TRIES = 5
/** More than a stream's first window: it is open when the answer comes. */
const SMALL_UPLOAD = 256 * 1024
const EARLY = 999
const LIMIT_S = 60
/** A drain waits so long for what runs. One with nothing to wait for ends after 1.4 s; a slow machine may take longer. */
const DRAIN_S = 32

const passed = (said = ''): Verdict => ({ passed: true, said })
const failed = (said: string): Verdict => ({ passed: false, said })

/** Ports of applications: two that answer uploads or refuse them unread, over HTTP/2 and HTTP/1.1, and one that is not there. */
interface Apps {
  readonly http2: number
  readonly http1: number
  readonly dead: number
}

async function startApps(run: Run): Promise<Apps> {
  const http2 = createHttp2((message, response) => {
    if (message.url === '/early') return void response.writeHead(403).end('no')
    message.resume().on('end', () => response.end('all of it'))
  })
  const http1 = createHttp1((message, response) => {
    if (message.url === '/early') return void response.writeHead(403, { connection: 'close' }).end('no')
    message.resume().on('end', () => response.end('all of it'))
  })
  await Promise.all([http2, http1].map((server) => once(server.listen(0, '127.0.0.1'), 'listening')))
  const sessions = new Set<{ destroy(): void }>()
  http2.on('session', (session) => {
    sessions.add(session)
    session.on('error', () => {}).on('close', () => sessions.delete(session))
  })
  run.t.teardown(() => {
    http1.close()
    http1.closeAllConnections()
    http2.close()
    for (const session of sessions) session.destroy()
  })
  return { http2: portOf(http2), http1: portOf(http1), dead: await freePort() }
}

function startPairOf(run: Run, apps: Apps): Promise<Pair> {
  return startPair(
    run.t,
    [
      { name: 'http2', kind: 'http', app: apps.http2, appProtocol: 'http2' },
      { name: 'http1', kind: 'http', app: apps.http1, appProtocol: 'http1' },
      { name: 'dead', kind: 'http', app: apps.dead, appProtocol: 'http2' },
    ],
    { program: run.program, flags: ['--drain-seconds', String(DRAIN_S)] },
  )
}

/** A file of zeros that is uploaded. */
function uploadFile(folder: string, bytes: number): string {
  const file = join(folder, `upload-${bytes}`)
  writeFileSync(file, '')
  truncateSync(file, bytes)
  return file
}

class Programs {
  readonly #run: Run
  readonly #folder: string

  constructor(run: Run) {
    this.#run = run
    this.#folder = mkdtempSync(join(tmpdir(), 'weft-nghttp2-'))
    run.t.teardown(() => rmSync(this.#folder, { recursive: true, force: true }))
  }

  /** One upload. `status` of the answer; the bytes of content that it sent before its stream ended; codes of RST_STREAM. */
  async nghttp(url: string, bytes: number, ...flags: string[]) {
    const file = uploadFile(this.#folder, bytes)
    const ask = (): Promise<Ended> => this.#start('nghttp', ['-v', '-n', '-d', file, ...flags, url])
    let ended = await ask()
    for (let left = TRIES; left > 1 && OWN_FAULT.test(ended.stderr); left--) ended = await ask()
    const lengths = [...ended.stdout.matchAll(/send DATA frame <length=(\d+)/g)].map(([, length]) =>
      Number(length),
    )
    return {
      ended,
      bytes,
      status: Number(/recv \(stream_id=\d+\) :status: ([2-5]\d\d)/.exec(ended.stdout)?.[1] ?? 0),
      sent: lengths.reduce((sum, length) => sum + length, 0),
      resets: [...ended.stdout.matchAll(/recv RST_STREAM frame[^(]*\(error_code=(\w+)/g)].map(
        ([, code]) => code,
      ),
    }
  }

  /** `requests` over `connections` with 100 streams each: how many were answered by status class, and how many failed. */
  async h2load(url: string, requests: number, connections: number, ...flags: string[]) {
    const ended = await this.#start('h2load', [
      ...['-n', String(requests), '-c', String(connections), '-m', '100'],
      ...flags,
      url,
    ])
    const classes = /status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx/.exec(ended.stdout)
    const counts = (classes ?? []).slice(1).map(Number)
    const rate = /finished in [^,]+, ([\d.]+) req\/s/.exec(ended.stdout)?.[1] ?? '0'
    return { ended, counts: { 2: counts[0], 3: counts[1], 4: counts[2], 5: counts[3] }, rate }
  }

  file(bytes: number): string {
    return uploadFile(this.#folder, bytes)
  }

  #start(name: 'nghttp' | 'h2load', args: readonly string[]): Promise<Ended> {
    const { argv, env } = nghttp2Program(name, this.#run.folder('interop-nghttp2'))
    return runCommand([...argv, ...args], { env, limit: LIMIT_S, stopped: this.#run.stopped })
  }
}

const url = (port: number, path: string): string => `http://127.0.0.1:${port}${path}`

type Load = Awaited<ReturnType<Programs['h2load']>>

/** All of them were answered with the class. */
function allAnswered({ ended, counts, rate }: Load, requests: number, family: 2 | 4 | 5): Verdict {
  if (counts[family] === requests) return passed(`${rate} requests/s`)
  const how = ended.late ? `not done after ${LIMIT_S} s: ` : ''
  const last = /^requests: .*$/m.exec(ended.stdout)?.[0] ?? ended.stderr
  return failed(`${how}${counts[family] ?? 0} of ${requests} with ${family}xx; ${last}`)
}

type Upload = Awaited<ReturnType<Programs['nghttp']>>

/** It ended by itself with the status; `whole`: all of the content was sent, otherwise not all of it. */
function uploaded(upload: Upload, status: number, whole: boolean): Verdict {
  if (upload.ended.late)
    return failed(`not done after ${LIMIT_S} s; status ${upload.status}, ${upload.sent} bytes`)
  if (upload.status !== status) return failed(`status ${upload.status} after ${upload.sent} bytes`)
  if (whole !== (upload.sent === upload.bytes)) return failed(`${upload.sent} bytes were sent`)
  // RFC 9113 section 8.1: a server that answered before the request's end may ask for no more of it, without an error.
  if (upload.resets.some((code) => code !== 'NO_ERROR')) return failed(`reset: ${upload.resets.join(', ')}`)
  return passed(whole ? '' : `${(upload.sent / 1024).toFixed(0)} KiB were sent`)
}

async function run(suite: Run): Promise<readonly Case[]> {
  const apps = await startApps(suite)
  const pair = await startPairOf(suite, apps)
  const programs = new Programs(suite)
  const cases: Case[] = []
  const both = async (
    name: string,
    direct: number,
    path: string,
    ask: (port: number) => Promise<Verdict>,
  ) => {
    if (suite.stopped.aborted) return
    suite.progress(name)
    cases.push({ name, direct: await ask(direct), pair: await ask(pair.port(path)) })
  }
  const through = async (name: string, ask: () => Promise<Verdict>) => {
    if (suite.stopped.aborted) return
    suite.progress(name)
    cases.push({ name, pair: await ask() })
  }

  await both('h2load, 5,000 requests on 4 connections', apps.http2, 'http2', async (port) =>
    allAnswered(await programs.h2load(url(port, '/'), 5000, 4), 5000, 2),
  )
  await both('h2load, 500 uploads of 256 KiB', apps.http2, 'http2', async (port) =>
    allAnswered(await programs.h2load(url(port, '/'), 500, 1, '-d', programs.file(SMALL_UPLOAD)), 500, 2),
  )
  for (const flags of [[], ['--expect-continue']]) {
    const how = ['nghttp', ...flags].join(' ')
    const bytes = flags.length > 0 ? EXPECTING_UPLOAD : UPLOAD
    await both(`${how}, ${bytes / MIB} MiB`, apps.http2, 'http2', async (port) =>
      uploaded(await programs.nghttp(url(port, '/'), bytes, ...flags), 200, true),
    )
    await both(`${how}, 50 MiB answered early`, apps.http2, 'http2', async (port) =>
      uploaded(await programs.nghttp(url(port, '/early'), UPLOAD, ...flags), 403, false),
    )
    await through(`${how}, 50 MiB answered early over HTTP/1.1`, async () =>
      uploaded(await programs.nghttp(url(pair.port('http1'), '/early'), UPLOAD, ...flags), 403, false),
    )
    await through(`${how}, 50 MiB to a dead upstream`, async () =>
      uploaded(await programs.nghttp(url(pair.port('dead'), '/'), UPLOAD, ...flags), 503, false),
    )
  }
  await both(`h2load, ${EARLY} uploads answered early`, apps.http2, 'http2', async (port) =>
    allAnswered(
      await programs.h2load(url(port, '/early'), EARLY, 1, '-d', programs.file(SMALL_UPLOAD)),
      EARLY,
      4,
    ),
  )
  await through(`h2load, ${EARLY} uploads to a dead upstream`, async () =>
    allAnswered(
      await programs.h2load(url(pair.port('dead'), '/'), EARLY, 1, '-d', programs.file(SMALL_UPLOAD)),
      EARLY,
      5,
    ),
  )
  await through('no request is active after all that', async () => {
    const active = (await pair.caller.stat('active_requests')) + (await pair.server.stat('active_requests'))
    return active === 0 ? passed() : failed(`${active} are`)
  })
  await through(
    `${EARLY} uploads that never end, answered early: none stays open, and a drain waits for none`,
    () => drainedAfterEarly(pair),
  )
  return cases
}

/** Node's nghttp2: uploads that were answered are never ended by their client. */
async function drainedAfterEarly(pair: Pair): Promise<Verdict> {
  const session = connectHttp2(url(pair.port('http2'), ''))
  session.on('error', () => {})
  await once(session, 'remoteSettings')
  const limit = AbortSignal.timeout(LIMIT_S * 1000)
  let closed = 0
  const ask = async (): Promise<void> => {
    if (await answeredEarly(session, limit)) closed++
  }
  for (let left = EARLY; left > 0; left -= 100)
    await Promise.all(Array.from({ length: Math.min(left, 100) }, ask))
  const began = performance.now()
  pair.caller.signal('SIGTERM')
  await pair.caller.ended
  const seconds = (performance.now() - began) / 1000
  session.destroy()
  if (closed < EARLY) return failed(`${EARLY - closed} stayed open; drained in ${seconds.toFixed(1)} s`)
  return seconds < DRAIN_S / 2
    ? passed(`drained in ${seconds.toFixed(1)} s`)
    : failed(`drained in ${seconds.toFixed(1)} s`)
}

/** Whether the other side closed the stream within the limit. */
async function answeredEarly(session: ClientHttp2Session, limit: AbortSignal): Promise<boolean> {
  const stream = session.request({ ':method': 'POST', ':path': '/early' })
  stream.on('error', () => {}).resume()
  stream.write('begun')
  try {
    await once(stream, 'close', { signal: limit })
    return true
  } catch {
    return false
  }
}

export const NGHTTP2: Suite = {
  name: 'nghttp2',
  title:
    'nghttp and h2load: uploads, answers before the request has ended, expect-continue, a drain after them',
  parts: ['interop-nghttp2'],
  run,
}
