mod bash;
mod lint;
mod patches;
mod payloads;
mod python;
mod refused;
mod scripts;
mod terraform;
