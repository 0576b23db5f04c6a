// oidc-provider for `cargo xtask faults --peer`: behind the proxy that is its issuer, until its standard input ends.

import { clientId, startProvider } from './support.js';

const provider = await startProvider({ issuer: process.argv[2] });
console.log(JSON.stringify({ listen: provider.listen, client_id: clientId }));
process.stdin.resume();
process.stdin.on('end', () => process.exit());
