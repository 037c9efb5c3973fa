#!/usr/bin/env node
import { main } from '../dist/xnameserver/main.js';

await main(process.argv);
