import { echoThroughTunnel } from './index.js';

const { echo, connection } = await echoThroughTunnel('hello');
console.log(`${echo} came back, ${connection}`);
