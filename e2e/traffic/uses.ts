import type { Client } from '@grpc/grpc-js'
import { request, type Agent, type IncomingHttpHeaders } from 'node:http'
import { connect } from 'node:net'
import { WebSocket } from 'ws'
import { ECHO } from '../pair/testing/grpc-service.ts'

/** An answer came, and is not the one that was due. */
export class WrongAnswer extends Error {}

/** It ended after it had begun: what was cut was in use, and nobody could have gone on with it. */
export class CutShort extends Error {}

export interface Place {
  readonly host: string
  readonly port: number
}

export interface Exchange extends Place {
  readonly method: string
  readonly path: string
  readonly body?: Buffer | undefined
  /** Left out: a connection of its own. */
  readonly agent?: Agent | undefined
}

/** One request and its whole answer. Rejects with CutShort where the answer breaks off. */
export function exchange({
  body,
  agent,
  ...target
}: Exchange): Promise<{ status: number; headers: IncomingHttpHeaders; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const sent = request({ ...target, agent: agent ?? false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', (error) => reject(new CutShort(error.message)))
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks),
        }),
      )
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

const same = (bytes: Buffer): Buffer => bytes

/** A unary call of serveEcho. */
export function grpcUnary(client: Client, message: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(ECHO.unary.path, same, same, message, (error, reply) => {
      if (error) reject(error)
      else if (reply?.equals(message)) resolve()
      else reject(new WrongAnswer('another message'))
    })
  })
}

/** A stream of serveEcho in both directions: `count` messages, each when the one before has come back. */
export function grpcStream(client: Client, message: Buffer, count: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = client.makeBidiStreamRequest<Buffer, Buffer>(ECHO.both.path, same, same)
    let left = count
    call.on('data', (reply: Buffer) => {
      if (!reply.equals(message)) reject(new WrongAnswer('another message'))
      if (--left > 0) call.write(message)
      else call.end()
    })
    call.on('error', (error) => reject(left === count ? error : new CutShort(error.message)))
    call.on('end', () => (left === 0 ? resolve() : undefined))
    call.write(message)
  })
}

/** `count` messages of text, each when the one before has come back, and the close. */
export function webSocketEcho({ host, port }: Place, message: string, count: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://${host}:${port}/`)
    let opened = false
    let left = count
    socket.on('open', () => {
      opened = true
      socket.send(message)
    })
    socket.on('message', (reply: Buffer) => {
      if (reply.toString() !== message) reject(new WrongAnswer('another message'))
      if (--left > 0) socket.send(message)
      else socket.close()
    })
    socket.on('unexpected-response', (sent, response) => {
      const details = String(response.headers['proxy-status'] ?? '')
      reject(new Error(`${response.statusCode} ${details}`))
      sent.destroy()
    })
    socket.on('error', (error) => reject(opened ? new CutShort(error.message) : error))
    socket.on('close', (code) => (left === 0 ? resolve() : reject(new CutShort(`closed with ${code}`))))
  })
}

/** Bytes and FIN, and the same back. */
export function tcpEcho(place: Place, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(place)
    let at = 0
    socket.on('data', (chunk: Buffer) => {
      if (!chunk.equals(bytes.subarray(at, at + chunk.length)))
        reject(new WrongAnswer(`other bytes at ${at}`))
      at += chunk.length
    })
    socket.on('error', (error) => reject(at > 0 ? new CutShort(error.message) : error))
    socket.on('close', () =>
      at === bytes.length ? resolve() : reject(new CutShort(`${at} bytes came back`)),
    )
    socket.end(bytes)
  })
}
