// Sends the requests of its one argument, a JSON list, each on a connection of its own, and prints the answers as JSON.
import { request, type IncomingHttpHeaders } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'

const WAIT_MS = 20_000

interface Sent {
  readonly to: string
  readonly method?: string
  readonly path?: string
  readonly host?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly count?: number
  /** Sends back what the answer sets as a cookie. */
  readonly session?: boolean
  /** Asks again until the answer's body is this, for as long as WAIT_MS. */
  readonly until?: string
}

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

function once({ to, method = 'GET', path = '/', host = to, headers = {} }: Sent): Promise<Answer> {
  return new Promise((resolve) => {
    const failed = (error: Error): void => resolve({ status: 0, headers: {}, body: error.message })
    const [name, port = '80'] = to.split(':')
    request({ host: name, port, method, path, agent: false, headers: { ...headers, host } }, (response) => {
      text(response).then(
        (body) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
        failed,
      )
    })
      .on('error', failed)
      .end()
  })
}

async function patient(sent: Sent): Promise<Answer> {
  const end = Date.now() + WAIT_MS
  for (;;) {
    const answer = await once(sent)
    if (sent.until === undefined || answer.body === sent.until || Date.now() > end) return answer
    await setTimeout(20)
  }
}

async function all(sent: Sent): Promise<Answer[]> {
  const answers: Answer[] = []
  let { headers = {} } = sent
  for (let i = 0; i < (sent.count ?? 1); i++) {
    const answer = await patient({ ...sent, headers })
    answers.push(answer)
    const [cookie] = answer.headers['set-cookie'] ?? []
    if (sent.session && cookie !== undefined) headers = { ...headers, cookie: cookie.split(';')[0] ?? '' }
  }
  return answers
}

const requests = JSON.parse(process.argv[2] ?? '[]') as readonly Sent[]
const answers: Answer[][] = []
for (const one of requests) answers.push(await all(one))
console.log(JSON.stringify(answers))
