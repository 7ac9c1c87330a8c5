/**
 * The least that the answer "nothing to do" takes, in plain Node: the config as JSON, one query to each database over its own
 * wire protocol, one list of containers from the engine's socket. No packages, and nothing is checked.
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'

const { databases, socket } = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const answers = databases.map((database) =>
  query(database, 'SELECT version, checksum FROM poststack.schema_migrations'),
)
if (socket !== undefined) answers.push(listContainers(socket))
const counts = await Promise.all(answers)
process.stdout.write(`${counts.join(' ')}\n`)

function listContainers(socketPath) {
  return new Promise((resolve, reject) => {
    const path = '/v1.40/containers/json?all=1'
    const call = request({ socketPath, path, headers: { host: 'engine' } }, (response) => {
      let text = ''
      response.on('data', (part) => (text += part))
      response.on('end', () => resolve(JSON.parse(text).length))
    })
    call.on('error', reject)
    call.end()
  })
}

/** Logs in with SCRAM-SHA-256, sends one statement, and counts the rows that come back. */
function query({ port, user, database, password }, sql) {
  return new Promise((resolve, reject) => {
    const connection = connect(port, '127.0.0.1', () => {
      const words = `user\0${user}\0database\0${database}\0\0`
      const start = Buffer.alloc(8)
      start.writeInt32BE(8 + words.length, 0)
      start.writeInt32BE(196_608, 4)
      connection.write(Buffer.concat([start, Buffer.from(words)]))
    })
    const nonce = randomBytes(18).toString('base64')
    const send = (type, body) => {
      const head = Buffer.alloc(5)
      head.write(type)
      head.writeInt32BE(4 + body.length, 1)
      connection.write(Buffer.concat([head, body]))
    }
    const authenticate = (body) => {
      const kind = body.readInt32BE(0)
      if (kind === 10) {
        const first = `n,,n=,r=${nonce}`
        const length = Buffer.alloc(4)
        length.writeInt32BE(first.length)
        send('p', Buffer.concat([Buffer.from('SCRAM-SHA-256\0'), length, Buffer.from(first)]))
      } else if (kind === 11) {
        send('p', Buffer.from(finalMessage(body.toString('utf8', 4), password, nonce)))
      }
    }
    let pending = Buffer.alloc(0)
    let rows = 0
    let asked = false
    connection.on('error', reject)
    connection.on('data', (part) => {
      pending = Buffer.concat([pending, part])
      while (pending.length >= 5 && pending.length > pending.readInt32BE(1)) {
        const type = String.fromCharCode(pending[0])
        const body = pending.subarray(5, pending.readInt32BE(1) + 1)
        pending = pending.subarray(pending.readInt32BE(1) + 1)
        if (type === 'R') authenticate(body)
        if (type === 'D') rows++
        if (type === 'E') reject(new Error(body.toString()))
        if (type === 'Z' && asked) {
          connection.end()
          resolve(rows)
        } else if (type === 'Z') {
          asked = true
          send('Q', Buffer.from(`${sql}\0`))
        }
      }
    })
  })
}

function finalMessage(serverFirst, password, nonce) {
  const [, serverNonce, salt, rounds] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(serverFirst)
  const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), Number(rounds), 32, 'sha256')
  const clientKey = hmac(salted, 'Client Key')
  const stored = createHash('sha256').update(clientKey).digest()
  const withoutProof = `c=biws,r=${serverNonce}`
  const signature = hmac(stored, `n=,r=${nonce},${serverFirst},${withoutProof}`)
  const proof = Buffer.from(clientKey.map((byte, index) => byte ^ signature[index])).toString('base64')
  return `${withoutProof},p=${proof}`
}

function hmac(key, text) {
  return createHmac('sha256', key).update(text).digest()
}
