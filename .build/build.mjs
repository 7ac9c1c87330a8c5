/**
 * Builds `dist/`: `node .build/build.mjs` always, `--if-stale` only when an input changed since the last build.
 *
 * `npm install` in a clone runs it as `postprepare`, and `npm pack` as `prepack`. Not as `prepare`, which does the same: npm
 * takes that for an install script of the packed package, and warns whoever installs the tarball of a script that never runs.
 *
 * What it expects of `src/`:
 *   src/cli/main.ts      -> dist/cli.js           the program behind `poststack`; runs when imported
 *   src/index.ts         -> dist/index.js, .d.ts  the public API; nothing third-party in what it imports statically
 *   src/database.ts      -> dist/migrations.js    the library for one database (types: dist/database.d.ts); nothing third-party
 *                                                 in what it imports statically, and nothing of containers at all
 *   src/config/child/child.ts  -> dist/config-child.js  the program that evaluates a config in the guarded child; one file of
 *                                                 our own code and Node's modules, because the child may read little else
 *   src/config/schema/** -> dist/poststack.schema.json  the JSON Schema of a config written as YAML or JSON, for editors
 * `POSTSTACK_VERSION` (declared in src/globals.d.ts) becomes the text of package.json's version.
 *
 * Packages in devDependencies that src imports are bundled; `await import()` of one becomes a chunk of its own, read when
 * the line runs. Packages in dependencies and optionalDependencies stay imports. A few files start several times
 * faster than many: see "Start-up" in docs/performance.md, and `together.mjs`.
 */
import { build } from 'esbuild'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { commonjsNames } from './commonjs-names.mjs'
import { configJsonSchema } from './json-schema.mjs'
import { thirdPartyLicenses } from './licenses.mjs'
import { together } from './together.mjs'

/** What `up`, `plan` and `status` load of us to find that nothing is to be done. */
const everyDay = [
  'src/cli/commands/up.ts',
  'src/cli/commands/plan.ts',
  'src/cli/commands/status.ts',
  'src/runtime/container/container.ts',
]

/** Builds into `<root>/dist`. A failed build leaves the last good one in place. */
async function buildPackage(root) {
  const entries = {
    cli: 'src/cli/main.ts',
    index: 'src/index.ts',
    migrations: 'src/database.ts',
    run: 'src/run.ts',
    vitest: 'src/vitest/fixture.ts',
    'vitest-setup': 'src/vitest/setup.ts',
    'config-child': 'src/config/child/child.ts',
    'script-child': 'src/config/child/script.ts',
    'wasm-dump': 'src/execute/wasm-dump/program.ts',
  }
  const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  const inputs = await hashInputs(root)
  // Beside dist and not inside it: the finished folder takes dist's place at once, so nobody sees half a build.
  const out = join(root, '.build', `out-${process.pid}`)
  try {
    await rm(out, { recursive: true, force: true })
    await mkdir(out, { recursive: true })
    const parts = await Promise.allSettled([
      bundle({ root, out, manifest, entries }),
      declarations(root, out),
      writeJsonSchema(root, out),
    ])
    // Both have ended, so neither writes into a folder that is being removed.
    const [bundled] = parts.map(ended)
    await writeFile(join(out, 'THIRD-PARTY-LICENSES.txt'), await thirdPartyLicenses(root, bundled))
    await writeFile(join(out, '.inputs'), inputs)
    await replace(join(root, 'dist'), out)
  } finally {
    await rm(out, { recursive: true, force: true })
  }
}

async function writeJsonSchema(root, out) {
  const schema = await configJsonSchema(root)
  await writeFile(join(out, 'poststack.schema.json'), `${JSON.stringify(schema, undefined, 2)}\n`)
}

function ended(part) {
  if (part.status === 'rejected') throw part.reason
  return part.value
}

/** True when `dist/` was made from other inputs than those on disk now, or was not made at all. */
async function isStale(root) {
  const built = await readFile(join(root, 'dist', '.inputs'), 'utf8').catch(() => '')
  return built !== (await hashInputs(root))
}

async function hashInputs(root) {
  const files = ['package.json', 'package-lock.json', 'tsconfig.json']
  for (const folder of ['src', '.build']) {
    for (const entry of await readdir(join(root, folder), { recursive: true, withFileTypes: true })) {
      const file = relative(root, join(entry.parentPath, entry.name))
      if (entry.isFile() && /\.(ts|mjs|json)$/.test(file) && !file.includes('out-')) files.push(file)
    }
  }
  const hash = createHash('sha256')
  for (const file of files.toSorted()) {
    hash.update(`${file}\0`)
    hash.update(await readFile(join(root, file)).catch(() => ''))
  }
  return hash.digest('hex')
}

/** Returns the paths of the third-party files of which something stands in the output. */
async function bundle({ root, out, manifest, entries }) {
  const { dependencies, optionalDependencies, peerDependencies } = manifest
  const external = ['pg-native', ...Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })]
  const options = {
    absWorkingDir: root,
    outdir: out,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    // Names and lines stay: a stack trace from a user's machine must be readable.
    minify: false,
    legalComments: 'none',
    // `pg` asks for `Response` to tell where it runs, and Node 20 loads its whole fetch for the answer.
    define: {
      POSTSTACK_VERSION: JSON.stringify(manifest.version),
      Response: 'undefined',
      // With this set pg would ask for a package that is not there.
      'process.env.NODE_PG_FORCE_NATIVE': 'undefined',
    },
    external,
    plugins: [commonjsNames],
    metafile: true,
    write: false,
    logLevel: 'silent',
  }
  const { cli, 'config-child': child, 'script-child': scriptChild, ...libraries } = entries
  const split = { ...options, splitting: true, chunkNames: 'chunks/[name]-[hash]' }
  const results = await Promise.all([
    // By itself: the libraries have parts in common with it that a program need not read apart.
    build({ ...split, entryPoints: { cli }, plugins: [...options.plugins, together({ start: cli, files: everyDay })] }),
    build({ ...options, entryPoints: { 'config-child': child } }),
    build({ ...options, entryPoints: { 'script-child': scriptChild } }),
    build({ ...split, entryPoints: libraries }),
  ])
  onlyOwnCode(results[1].metafile, child)
  onlyOwnCode(results[2].metafile, scriptChild)
  for (const file of results.flatMap((result) => result.outputFiles)) await writeOutput(out, file)
  await chmod(join(out, 'cli.js'), 0o755)
  const used = results.flatMap((result) => Object.values(result.metafile.outputs).flatMap(contributors))
  // A name with a colon is a module made up by a plugin; the files behind it are listed themselves.
  return [...new Set(used)].filter((file) => file.includes('node_modules/') && !/^[a-z-]+:/.test(file))
}

function contributors(output) {
  return Object.entries(output.inputs).flatMap(([file, { bytesInOutput }]) => (bytesInOutput > 0 ? [file] : []))
}

function onlyOwnCode(metafile, entry) {
  const foreign = Object.keys(metafile.inputs).filter((file) => file.includes('node_modules/'))
  const imported = Object.values(metafile.outputs).flatMap((output) => output.imports.map(({ path }) => path))
  foreign.push(...imported.filter((path) => !path.startsWith('node:')))
  if (foreign.length > 0) throw new Error(`${entry} must stand alone, but it brings in: ${foreign.join(', ')}`)
}

// Made when it is called: every config imports the file through our entry, and few need it.
const REQUIRE = `import { createRequire as __createRequire } from "node:module";
let __made;
const require = (id) => (__made ??= __createRequire(import.meta.url))(id);
`

async function writeOutput(out, { path, text }) {
  const isCli = relative(out, path) === 'cli.js'
  const body = text.replace(/^#!.*\n/, '')
  // CommonJS packages call `require` for Node's modules. esbuild routes those calls through one helper, so the one file
  // that holds the helper gets a real `require`, and the others stay without.
  const head = (isCli ? '#!/usr/bin/env node\n' : '') + (body.includes('typeof require !== "undefined"') ? REQUIRE : '')
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, head + body)
}

/** Writes the .d.ts files that the public ones reach, and none else: types must not ask users for packages we bundle. */
async function declarations(root, out) {
  const all = join(out, '.types')
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  await promisify(execFile)(process.execPath, [tsc, '-p', join(root, '.build'), '--outDir', all]).catch((error) => {
    throw new Error(`the declarations do not compile:\n${error.stdout}`)
  })
  const wanted = ['index.d.ts', 'database.d.ts', 'run.d.ts', 'vitest/fixture.d.ts', 'vitest/setup.d.ts']
  const texts = new Map()
  for (let file = wanted.pop(); file !== undefined; file = wanted.pop()) {
    if (texts.has(file)) continue
    const source = await readFile(join(all, file), 'utf8')
    texts.set(file, source.replace(/((?:from|import)\s*\(?\s*["']\.[^"']*)\.ts(["'])/g, '$1.js$2'))
    // An example in a comment imports this very package.
    const code = source.replace(/\/\*[\s\S]*?\*\//g, '')
    for (const [, specifier] of code.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*["']([^"']+)["']/g)) {
      if (specifier.startsWith('.')) wanted.push(join(dirname(file), specifier.replace(/\.[jt]s$/, '.d.ts')))
      else if (!/^(?:node:|vitest(?:\/|$))/.test(specifier))
        throw new Error(`${file}: public types reach "${specifier}"`)
    }
  }
  await rm(all, { recursive: true })
  for (const [file, text] of texts) {
    await mkdir(dirname(join(out, file)), { recursive: true })
    await writeFile(join(out, file), text)
  }
}

/** Two builds may end at once: the later one wins, and whichever wins is whole. */
async function replace(target, made) {
  const old = `${made}-old`
  for (let attempt = 0; ; attempt++) {
    await rename(target, old).catch(ignoreMissing)
    try {
      await rename(made, target)
      break
    } catch (error) {
      if (attempt === 5 || !['ENOTEMPTY', 'EEXIST'].includes(error.code)) throw error
      await rm(old, { recursive: true, force: true })
    }
  }
  await rm(old, { recursive: true, force: true })
}

function ignoreMissing(error) {
  if (error.code !== 'ENOENT') throw error
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = resolve(import.meta.dirname, '..')
  if (!process.argv.includes('--if-stale') || (await isStale(root))) {
    const started = performance.now()
    try {
      await buildPackage(root)
      console.error(`built dist in ${Math.round(performance.now() - started)} ms`)
    } catch (error) {
      // esbuild and tsc say in the message which line of which file; a stack of this program adds nothing.
      console.error(`dist was not built: ${error.message}`)
      process.exitCode = 1
    }
  }
}
